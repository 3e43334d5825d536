import type { Clock } from '../base/clock.ts';
import { ENDPOINT, NO_RANGE, type Range, SERVICE, VERSION } from '../model/counters.ts';
import { DRAIN_LIMIT, type Instance } from '../model/instance.ts';
import type { ServiceSettings } from '../model/service.ts';
import type { EndpointRecord, HealthReport, ServiceSnapshot, ToDataThread, VersionRanges } from '../model/snapshot.ts';
import type { ClusterChange } from './cluster/cluster.ts';
import { chooseSubset } from './cluster/subset.ts';
import type { CounterArena } from './counters.ts';

/** Time for messages to reach every data thread, and for what a thread began before to be counted, in milliseconds. With a wide margin. */
const SETTLE = 60_000;

/**
 * How long the counters of a version are kept after its last instance left, in milliseconds: a request that was under way counts
 * there when it ends, and that is when its instance has drained at the latest.
 */
const VERSION_LINGER = DRAIN_LIMIT + SETTLE;

/** A service as it was last told to the data threads. */
export interface FedService {
  readonly name: string;
  readonly settings: ServiceSettings;
  readonly format: string;
  readonly counters: Range;
  readonly versions: VersionRanges;
  /** All that the registry tells of; those that `subset` leaves out, and no data thread knows, have `NO_RANGE` as counters. */
  readonly instances: ReadonlyMap<string, EndpointRecord>;
  readonly known: boolean;
  readonly stale: boolean;
  readonly updatedAt: number;
  readonly trouble: string | null;
}

export interface FeedOptions {
  readonly arena: CounterArena;
  readonly clock: Clock;
  readonly broadcast: (message: ToDataThread) => void;
  /** The data threads that run now. */
  readonly running: () => readonly number[];
  /** Tells this sidecar from the others, for services with `subset`; all are alike when left out. */
  readonly sidecar?: string;
}

/**
 * Turns changes of memberships into snapshots for the data threads: gives every service, version and instance its place in the
 * counters, sends what changed, and takes the places back when every thread has let go of them.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #services = new Map<string, FedService>();
  /** Ranges of instances that left, and the threads that still use them. */
  readonly #leaving = new Map<string, { range: Range; threads: Set<number> }>();

  /** By service, then by version: stops the clock of a version that has no instances. */
  readonly #forgetting = new Map<string, Map<string, () => void>>();

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  services(): Iterable<FedService> {
    return this.#services.values();
  }

  get(name: string): FedService | undefined {
    return this.#services.get(name);
  }

  /** Makes a service known to the data threads before its registry has answered: requests for it wait. */
  add(name: string, settings: ServiceSettings, format: string): void {
    const { arena } = this.#options;
    const service: FedService = {
      name,
      settings,
      format,
      counters: arena.allocate(SERVICE.SLOTS),
      versions: rangesOf({ '': arena.allocate(VERSION.SLOTS) }),
      instances: new Map(),
      known: false,
      stale: false,
      updatedAt: 0,
      trouble: null,
    };
    this.#services.set(name, service);
    this.#options.broadcast({ kind: 'service', snapshot: snapshotOf(service) });
  }

  /** Other settings for a service. Its instances stay as they are, but for `subset`. */
  configure(name: string, settings: ServiceSettings, format: string): void {
    const before = this.#services.get(name);
    if (before === undefined) return;
    const instances = new Map(before.instances);
    const { joined, left } = this.#spread(instances, settings.subset);
    const upsert = joined.map((address) => instances.get(address) as EndpointRecord);
    const service: FedService = { ...before, settings, format, instances };
    this.#services.set(name, service);
    this.#options.broadcast({
      kind: 'service',
      snapshot: { ...snapshotOf(service), full: false, upsert, remove: left },
    });
  }

  /** Takes over what a membership says now. */
  change(change: ClusterChange): void {
    const before = this.#services.get(change.name);
    if (before === undefined) return;
    const { arena } = this.#options;
    const versions = rangesOf(before.versions);
    const instances = new Map(before.instances);
    const record = (instance: Instance, counters: Range, health: Partial<HealthReport> = {}): EndpointRecord => {
      const version = instance.version ?? '';
      versions[version] ??= arena.allocate(VERSION.SLOTS);
      return { ...instance, counters, ...health };
    };
    const told = new Set<string>();
    for (const instance of change.diff.added) instances.set(instance.address, record(instance, NO_RANGE));
    for (const instance of change.diff.changed) {
      const known = instances.get(instance.address);
      if (known === undefined) continue;
      instances.set(instance.address, record(instance, known.counters, healthOf(known)));
      told.add(instance.address);
    }
    const remove: string[] = [];
    for (const { address } of change.diff.removed) if (this.#leave(instances, address)) remove.push(address);
    const { joined, left } = this.#spread(instances, before.settings.subset);
    for (const address of joined) told.add(address);
    remove.push(...left);
    const upsert = [...told].flatMap((address) => instances.get(address) ?? []).filter(isConnected);

    const { known, stale, updatedAt, trouble } = change;
    const service: FedService = { ...before, versions, instances, known, stale, updatedAt, trouble };
    this.#services.set(service.name, service);
    this.#options.broadcast({
      kind: 'service',
      snapshot: { ...snapshotOf(service), full: false, upsert, remove },
    });
    if (remove.length > 0 || upsert.length > 0) this.#forgetVersions(service);
  }

  /** Takes over what health checks say now, by address; an instance that is not in the set any more is skipped. */
  setHealth(name: string, reports: ReadonlyMap<string, HealthReport>): void {
    const before = this.#services.get(name);
    if (before === undefined) return;
    const instances = new Map(before.instances);
    const upsert: EndpointRecord[] = [];
    for (const [address, report] of reports) {
      const endpoint = instances.get(address);
      if (endpoint === undefined) continue;
      const { unhealthyReason: _, ...rest } = endpoint;
      const now: EndpointRecord = { ...rest, ...report };
      instances.set(address, now);
      if (isConnected(now)) upsert.push(now);
    }
    const service: FedService = { ...before, instances };
    this.#services.set(name, service);
    if (upsert.length === 0) return;
    this.#options.broadcast({ kind: 'service', snapshot: { ...snapshotOf(service), full: false, upsert, remove: [] } });
  }

  /**
   * Versions come and go with every release; those that nobody has any more give their counters back. The clock of a version
   * starts when its last instance leaves, and stops if another one comes.
   */
  #forgetVersions(service: FedService): void {
    const { name } = service;
    const clocks = this.#forgetting.get(name) ?? new Map<string, () => void>();
    this.#forgetting.set(name, clocks);
    const unused = new Set(unusedVersions(service));
    for (const [version, stop] of clocks) {
      if (unused.has(version)) continue;
      stop();
      clocks.delete(version);
    }
    for (const version of unused) {
      if (!clocks.has(version)) {
        clocks.set(
          version,
          this.#options.clock.after(VERSION_LINGER, () => {
            clocks.delete(version);
            this.#forgetVersion(name, version);
          }),
        );
      }
    }
  }

  #forgetVersion(name: string, version: string): void {
    const service = this.#services.get(name);
    if (service === undefined) return;
    const versions = rangesOf(service.versions);
    const range = versions[version];
    delete versions[version];
    this.#services.set(name, { ...service, versions });
    if (range !== undefined) this.#options.arena.release(range);
  }

  /** Nobody follows the service any more. */
  drop(name: string): void {
    const service = this.#services.get(name);
    if (service === undefined) return;
    const instances = new Map(service.instances);
    for (const address of service.instances.keys()) this.#leave(instances, address);
    this.#services.delete(name);
    for (const stop of this.#forgetting.get(name)?.values() ?? []) stop();
    this.#forgetting.delete(name);
    this.#options.broadcast({
      kind: 'service_gone',
      name,
      why: `service "${name}" is not followed any more, since nobody asked for it; ask again`,
    });
    this.#releaseWhenIdle(service, false);
  }

  /**
   * A dropped service keeps its counters for as long as requests are under way in it, which may be longer than instances drain (a
   * client that does not read). No new ones come, so that none are left for good once none were seen.
   */
  #releaseWhenIdle(service: FedService, wasIdle: boolean): void {
    const { arena, clock } = this.#options;
    clock.after(SETTLE, () => {
      const idle = arena.sum(service.counters, SERVICE.IN_FLIGHT) === 0;
      // Idle twice: what ended just before the first look has been counted by now.
      if (!idle || !wasIdle) return this.#releaseWhenIdle(service, idle);
      arena.release(service.counters);
      for (const range of Object.values(service.versions)) arena.release(range);
    });
  }

  /** All services, whole, for a thread that starts. */
  snapshots(): ServiceSnapshot[] {
    return Array.from(this.#services.values(), (service) => ({
      ...snapshotOf(service),
      upsert: [...service.instances.values()].filter(isConnected),
    }));
  }

  /** Tells one data thread of a service that the others know already. */
  tell(name: string, send: (message: ToDataThread) => void): void {
    const service = this.#services.get(name);
    if (service === undefined) return;
    send({
      kind: 'service',
      snapshot: { ...snapshotOf(service), upsert: [...service.instances.values()].filter(isConnected) },
    });
  }

  /** A data thread does not use these counters of an instance any more. */
  released(thread: number, range: Range): void {
    const key = keyOf(range);
    const leaving = this.#leaving.get(key);
    if (leaving === undefined) return;
    leaving.threads.delete(thread);
    if (leaving.threads.size > 0) return;
    this.#leaving.delete(key);
    this.#options.arena.release(range);
  }

  /** A data thread died, and with it all its claims. */
  threadDied(thread: number): void {
    for (const { range } of [...this.#leaving.values()]) this.released(thread, range);
  }

  /** Takes an instance out; gives whether data threads know it. */
  #leave(instances: Map<string, EndpointRecord>, address: string): boolean {
    const endpoint = instances.get(address);
    if (endpoint === undefined) return false;
    instances.delete(address);
    if (!isConnected(endpoint)) return false;
    this.#disconnect(endpoint.counters);
    return true;
  }

  /** The counters are given back when every thread has let go of them. */
  #disconnect(range: Range): void {
    const threads = new Set(this.#options.running());
    if (threads.size === 0) this.#options.arena.release(range);
    else this.#leaving.set(keyOf(range), { range, threads });
  }

  /** Gives counters to those that this sidecar connects to now, and takes them from the others; gives the addresses that changed. */
  #spread(
    instances: Map<string, EndpointRecord>,
    subset: number | null,
  ): { readonly joined: readonly string[]; readonly left: readonly string[] } {
    const { arena, sidecar = '' } = this.#options;
    const chosen = subset === null ? null : chooseSubset(instances.values(), subset, sidecar);
    const joined: string[] = [];
    const left: string[] = [];
    for (const [address, endpoint] of instances) {
      const connected = isConnected(endpoint);
      if (connected === (chosen === null || chosen.has(address))) continue;
      (connected ? left : joined).push(address);
      if (connected) this.#disconnect(endpoint.counters);
      instances.set(address, { ...endpoint, counters: connected ? NO_RANGE : arena.allocate(ENDPOINT.SLOTS) });
    }
    return { joined, left };
  }
}

/** Data threads know it. */
function isConnected({ counters }: EndpointRecord): boolean {
  return counters.segment !== NO_RANGE.segment;
}

/** What a check has said of it so far: a new record does not change that. */
function healthOf({ healthy, unhealthyReason }: EndpointRecord): Partial<HealthReport> {
  return {
    ...(healthy === undefined ? {} : { healthy }),
    ...(unhealthyReason === undefined ? {} : { unhealthyReason }),
  };
}

function unusedVersions({ versions, instances }: FedService): string[] {
  const used = new Set<string>(['']);
  for (const { version } of instances.values()) used.add(version ?? '');
  return Object.keys(versions).filter((version) => !used.has(version));
}

/** A copy without a prototype: versions are names that others choose, and `constructor` or `__proto__` must not be found unless it is one. */
function rangesOf(versions: VersionRanges): Record<string, Range> {
  return Object.assign(Object.create(null), versions);
}

function snapshotOf(service: FedService): ServiceSnapshot {
  const { name, settings, counters, versions, known, updatedAt, trouble } = service;
  return { name, settings, counters, versions, full: true, upsert: [], remove: [], known, updatedAt, trouble };
}

function keyOf(range: Range): string {
  return `${range.segment}:${range.offset}`;
}
