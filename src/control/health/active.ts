import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ServiceHealthOptions } from '../../config/health_options.ts';
import { type Instance, parseAddress, type Target } from '../../model/instance.ts';
import type { HealthReport } from '../../model/snapshot.ts';
import type { ClusterChange } from '../cluster/cluster.ts';
import { KeptInstances } from './kept.ts';
import { Prober } from './prober.ts';
import type { ProbeRoute, ProbeTls } from './probes/connect.ts';
import { checkText, openProbe } from './probes/open.ts';
import type { Probe, ProbeEvents } from './probes/probe.ts';
import type { Turns } from './turns.ts';

/** Share by which intervals vary. */
const JITTER = 0.1;
/** Changes of health within this time travel together, in milliseconds: a rack that fails is one message to each data thread. */
const COALESCE = 20;

export interface ActiveHealthDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Shared by all services: how many looks are under way at a time. */
  readonly turns: Turns;
  /** Takes memberships on, with the instances that are kept. */
  readonly changed: (change: ClusterChange) => void;
  /** The health of these instances is another one now, by address. */
  readonly health: (service: string, reports: ReadonlyMap<string, HealthReport>) => void;
  /** How the instances of a service speak TLS; null where they do not. */
  readonly secure?: (service: string) => ProbeTls | null;
  /** Only tests give another. */
  readonly probe?: (route: ProbeRoute, events: ProbeEvents) => Probe;
  readonly random?: () => number;
}

/**
 * Asks every instance of one service again and again whether it is well. An instance counts as well until it has failed, so that a
 * new one takes requests at once; the first looks are spread over an interval. With `keep`, an instance that left the registry
 * and still passes stays in use for a while (see `KeptInstances`).
 */
export class ActiveHealth {
  readonly #service: string;
  readonly #options: ServiceHealthOptions;
  readonly #deps: ActiveHealthDeps;
  readonly #secure: ProbeTls | null;
  readonly #kept: KeptInstances;
  readonly #probers = new Map<string, Prober>();
  readonly #reports = new Map<string, HealthReport>();
  #cancelReport: (() => void) | null = null;
  #noted = false;

  constructor(service: string, options: ServiceHealthOptions, deps: ActiveHealthDeps) {
    this.#service = service;
    this.#options = options;
    this.#deps = deps;
    this.#secure = options.secure ? (deps.secure?.(service) ?? null) : null;
    this.#kept = new KeptInstances(options.keep, deps.clock, (change) => this.#pass(change));
  }

  /** A membership changed. Hands it on, perhaps with instances that are kept. */
  change(change: ClusterChange): void {
    const now = this.#kept.apply(change, ({ address }) => this.#probers.get(address)?.confirmed ?? false);
    const kept = change.diff.removed.length - now.diff.removed.length;
    if (kept > 0)
      this.#deps.log.warn('Instances left the registry but pass their health check: they stay in use for now.', {
        service: this.#service,
        instances: kept,
        keep_ms: this.#options.keep,
      });
    this.#pass(now);
  }

  /** Starts to check instances that are in use already. */
  adopt(instances: readonly Instance[]): void {
    for (const instance of instances) this.#begin(instance);
  }

  /** Instances that left the registry and are in use all the same. */
  get kept(): readonly Instance[] {
    return this.#kept.instances;
  }

  /** Ends all checks. Nothing is told after this returns. */
  close(): void {
    for (const prober of this.#probers.values()) prober.close();
    this.#probers.clear();
    this.#kept.close();
    this.#cancelReport?.();
    this.#cancelReport = null;
    this.#reports.clear();
  }

  #pass(change: ClusterChange): void {
    for (const { address } of change.diff.removed) {
      this.#probers.get(address)?.close();
      this.#probers.delete(address);
      this.#reports.delete(address);
    }
    this.#deps.changed(change);
    for (const instance of change.diff.added) this.#begin(instance);
  }

  #begin({ address }: Instance): void {
    const { check, interval, timeout, rise, fall } = this.#options;
    const { clock, turns, random = Math.random, probe: open = openProbe.bind(null, check) } = this.#deps;
    const target = this.#targetOf(address);
    if (target === null) return;
    const prober = new Prober(
      { interval, rise, fall, initial: 'passing', jitter: JITTER, firstAfter: random() * interval },
      {
        clock,
        random,
        probe: (events) => {
          const probe = open({ target, secure: this.#secure, timeout }, events);
          return {
            look: (signal) => turns.take(() => probe.look(signal), signal),
            close: () => probe.close(),
          };
        },
        changed: (opinion, reason) => this.#opine(address, opinion === 'passing', reason),
        noted: (note) => this.#note(address, note),
      },
    );
    this.#probers.set(address, prober);
  }

  #targetOf(address: string): Target | null {
    const target = parseAddress(address);
    const { port } = this.#options;
    return target === null || port === null || 'path' in target ? target : { host: target.host, port };
  }

  #opine(address: string, healthy: boolean, reason: string | null): void {
    const fields = { service: this.#service, address, check: checkText(this.#options.check), reason };
    if (healthy) this.#deps.log.info('The instance passes its health check again.', fields);
    else this.#deps.log.warn('The instance fails its health check and gets no requests.', fields);
    if (!healthy && this.#kept.failed(address)) return;
    this.#reports.set(address, reason === null ? { healthy } : { healthy, unhealthyReason: reason });
    this.#cancelReport ??= this.#deps.clock.after(COALESCE, () => {
      this.#cancelReport = null;
      const reports = new Map(this.#reports);
      this.#reports.clear();
      this.#deps.health(this.#service, reports);
    });
  }

  /** One instance of a service says what all of them do. */
  #note(address: string, note: string): void {
    if (this.#noted) return;
    this.#noted = true;
    this.#deps.log.info(`Health check: ${note}.`, { service: this.#service, address });
  }
}
