import type { Change, Hello, InstanceDescription, ServiceDescription, ServiceTick, Tick } from '../../live/wire.ts';

/** Seconds that a sparkline shows. */
export const HISTORY = 90;
/** Rates are smoothed over some so many milliseconds, shares over more. */
const SMOOTH_RATE = 2_000;
const SMOOTH_SHARE = 10_000;
/** Of an average that falls towards nothing, this little is nothing. */
const SILENT = 0.05;
const MOST_CHANGES = 200;

export interface InstanceState {
  readonly id: string;
  readonly address: string;
  readonly version: string | null;
  readonly weight: number;
  readonly zone: string | null;
  state: string;
  inFlight: number;
  requests: number;
  failures: number;
  p50: number | null;
  p99: number | null;
  reason: string | null;
  /** Per second; null before the second look. */
  rate: number | null;
  failing: number | null;
  /** A longer average of `rate`: what shares are made of. */
  steady: number;
}

export interface ServiceState {
  description: ServiceDescription;
  instances: InstanceState[];
  tick: ServiceTick | null;
  /** When the tick came, by this browser's clock. */
  heardAt: number;
  rate: number | null;
  errors: number | null;
  /** Per second, the oldest first; null: not known. */
  readonly rates: (number | null)[];
  readonly errorRates: (number | null)[];
}

/** All that the sidecar has told. */
export class Store {
  hello: Hello | null = null;
  readonly services = new Map<string, ServiceState>();
  /** The newest first. */
  changes: Change[] = [];
  /** Sidecar's clock minus this browser's. */
  skew = 0;
  #at = 0;
  /** A tick has come since the last `hello`. */
  ticked = false;

  greet(hello: Hello): void {
    if (this.hello?.process !== hello.process) {
      this.services.clear();
      this.#at = 0;
    }
    this.hello = hello;
    this.ticked = false;
    this.skew = hello.at - Date.now();
  }

  journal(changes: readonly Change[]): void {
    this.changes = [...changes].reverse();
  }

  change(change: Change): void {
    this.changes = [change, ...this.changes.filter(({ id }) => id !== change.id)].slice(0, MOST_CHANGES);
  }

  describe(description: ServiceDescription): void {
    const known = this.services.get(description.name);
    const before = new Map(known?.instances.map((instance) => [instance.address, instance]));
    const instances = description.instances.map((instance) => described(instance, before.get(instance[1])));
    if (known !== undefined) Object.assign(known, { description, instances });
    else {
      const nothing = { tick: null, heardAt: 0, rate: null, errors: null, rates: [], errorRates: [] };
      this.services.set(description.name, { description, instances, ...nothing });
    }
  }

  take({ at, services }: Tick): void {
    const elapsed = this.#at === 0 ? 0 : at - this.#at;
    this.#at = at;
    this.ticked = true;
    this.skew = at - Date.now();
    const names = new Set(services.map(({ name }) => name));
    for (const name of this.services.keys()) if (!names.has(name)) this.services.delete(name);
    for (const tick of services) {
      const service = this.services.get(tick.name);
      if (service !== undefined) takeService(service, tick, elapsed);
    }
  }
}

function described(description: InstanceDescription, before: InstanceState | undefined): InstanceState {
  const [id, address, version, weight, zone] = description;
  const fresh = { state: 'connecting', inFlight: 0, requests: 0, failures: 0, p50: null, p99: null, reason: null };
  return { ...fresh, rate: null, failing: null, steady: 0, ...before, id, address, version, weight, zone };
}

function takeService(service: ServiceState, tick: ServiceTick, elapsed: number): void {
  const before = service.tick;
  service.tick = tick;
  service.heardAt = Date.now();
  const known = before !== null && elapsed > 0;
  const rate = known ? perSecond(tick.requests - before.requests, elapsed) : null;
  const errors = known ? perSecond(tick.errors - before.errors, elapsed) : null;
  if (known) {
    push(service.rates, rate);
    push(service.errorRates, errors);
  }
  service.rate = smoothed(service.rate, rate, elapsed, SMOOTH_RATE);
  service.errors = smoothed(service.errors, errors, elapsed, SMOOTH_RATE);
  const requestsBefore = service.instances.map(({ requests }) => requests);
  const failuresBefore = service.instances.map(({ failures }) => failures);
  for (const [index, state, inFlight, requests, failures, p50, p99, reason] of tick.rows) {
    const instance = service.instances[index];
    if (instance !== undefined) Object.assign(instance, { state, inFlight, requests, failures, p50, p99, reason });
  }
  if (!known) return;
  for (const [index, instance] of service.instances.entries()) {
    const now = perSecond(instance.requests - (requestsBefore[index] ?? 0), elapsed);
    const failing = perSecond(instance.failures - (failuresBefore[index] ?? 0), elapsed);
    instance.rate = smoothed(instance.rate, now, elapsed, SMOOTH_RATE);
    instance.failing = smoothed(instance.failing, failing, elapsed, SMOOTH_RATE);
    instance.steady = smoothed(instance.steady, now, elapsed, SMOOTH_SHARE) ?? 0;
  }
}

function perSecond(count: number, elapsed: number): number {
  return (Math.max(0, count) * 1000) / elapsed;
}

function smoothed(before: number | null, now: number | null, elapsed: number, over: number): number | null {
  if (before === null || now === null) return now ?? before;
  const value = now + (before - now) * Math.exp(-elapsed / over);
  return now === 0 && value < SILENT ? 0 : value;
}

function push(history: (number | null)[], value: number | null): void {
  history.push(value);
  if (history.length > HISTORY) history.shift();
}

/** The share of the requests of late that each instance got; null without requests. */
export function shares({ instances }: ServiceState): (instance: InstanceState) => number | null {
  const total = instances.reduce((sum, { steady }) => sum + steady, 0);
  return ({ steady }) => (total < 0.001 ? null : steady / total);
}

/** How many are ready, of those that are used; spare ones are not connected to by choice, and are no trouble. */
export function readiness(instances: readonly InstanceState[]): { up: number; used: number; spare: number } {
  const of = (wanted: string): number => instances.filter(({ state }) => state === wanted).length;
  const spare = of('spare');
  return { up: of('ready'), used: instances.length - spare, spare };
}

interface VersionState {
  readonly version: string;
  /** Those that are used. */
  instances: number;
  spare: number;
  share: number | null;
}

/** The versions there are, each with its share, in the order of their names; instances without a version come as `''`. */
export function versions(service: ServiceState): VersionState[] {
  const shareOf = shares(service);
  const all = new Map<string, VersionState>();
  for (const instance of service.instances) {
    const version = instance.version ?? '';
    const entry = all.get(version) ?? { version, instances: 0, spare: 0, share: null };
    const share = shareOf(instance);
    if (instance.state === 'spare') entry.spare++;
    else entry.instances++;
    if (share !== null) entry.share = (entry.share ?? 0) + share;
    all.set(version, entry);
  }
  return [...all.values()].sort((a, b) => natural(a.version, b.version));
}

const COLLATOR = new Intl.Collator('en', { numeric: true });
export const natural = (a: string, b: string): number => COLLATOR.compare(a, b);
