import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.ts';
import type { OutriggerError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config, DiscoverConfig, ServiceConfig } from '../config/config.ts';
import { withNeeds } from '../config/needs.ts';
import { HISTOGRAM_SLOTS, SERVICE } from '../model/counters.ts';
import type { TlsMaterial } from '../model/tls.ts';
import { logChange } from './cluster/change_log.ts';
import { Cluster, type ClusterChange, type Membership } from './cluster/cluster.ts';
import { Discovery } from './cluster/discovery.ts';
import { type TroubleListener, TroubleLog } from './cluster/trouble_log.ts';
import type { CounterArena } from './counters.ts';
import type { Feed } from './feed.ts';
import type { ActiveHealthDeps } from './health/active.ts';
import { probeTls } from './health/probes/connect.ts';
import { ServicesHealth } from './health/services_health.ts';
import { FirstContact } from './registries/first_contact.ts';
import { type OpenRegistries, openRegistries } from './registries/sources.ts';

/** Ready after this long even if a registry has not answered: a sidecar must never keep its app from starting for that. */
const READY_AFTER = 10_000;

export interface FollowedServicesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly feed: Feed;
  readonly arena: CounterArena;
  /** Told of each change of a membership, before the data threads are. */
  readonly changed?: (change: ClusterChange) => void;
  /** Told of each change of health, before the data threads are. */
  readonly health?: ActiveHealthDeps['health'];
  /** The certificates of a `tls:` of the config, as they are now. */
  readonly material?: (id: string) => TlsMaterial | undefined;
  /** Told of what is wrong with a registry, once for all services. */
  readonly trouble?: TroubleListener;
}

/** What became of a request for a service that nobody had heard of. */
export type Answered = { readonly kind: 'followed' } | { readonly kind: 'refused'; readonly why: string };

/**
 * Every service whose instances are looked up, those of the config and those that `discover` finds: their registries, memberships and
 * health, from the config in force. A new config moves only what it changes; instances stay connected wherever they are.
 */
export class FollowedServices {
  readonly #deps: FollowedServicesDeps;
  readonly #startedAt: number;
  readonly #trouble: TroubleLog;
  readonly #health: ServicesHealth;
  readonly #clusters = new Map<string, Cluster>();
  /** Services that have had no answer yet. */
  readonly #waiting: Set<string>;
  #config: Config;
  #registries: OpenRegistries;
  #discovery: Discovery | null = null;
  #contact: FirstContact | null = null;
  #onSettled: () => void = () => {};

  /** Makes the services known; nothing is looked up before `open`. */
  static async create(config: Config, deps: FollowedServicesDeps): Promise<FollowedServices> {
    return new FollowedServices(config, await openRegistries(config, deps), deps);
  }

  private constructor(config: Config, registries: OpenRegistries, deps: FollowedServicesDeps) {
    const { clock, log, feed } = deps;
    this.#config = config;
    this.#deps = deps;
    this.#startedAt = clock.now();
    this.#trouble = new TroubleLog(log, deps.trouble);
    this.#registries = registries;
    this.#waiting = new Set(config.services.keys());
    this.#health = new ServicesHealth((name) => this.#placeOf(name)?.health ?? null, {
      clock,
      log,
      changed(change) {
        deps.changed?.(change);
        feed.change(change);
        logChange(log, change);
      },
      health(name, reports) {
        deps.health?.(name, reports);
        feed.setHealth(name, reports);
      },
      secure: (name) => probeTls(this.#placeOf(name)?.settings.tls ?? null, (id) => deps.material?.(id)),
    });
    for (const [name, service] of config.services) feed.add(name, service.settings, service.format);
  }

  /** Starts to follow. */
  open(): void {
    for (const [name, service] of this.#config.services) this.#follow(name, service, null);
    this.#discovery = this.#openDiscovery();
    this.#contact = this.#makeContact();
  }

  /** The registries in use, by name. */
  get registries(): OpenRegistries['all'] {
    return this.#registries.all;
  }

  membership(name: string): Membership | null {
    return (this.#clusters.get(name) ?? this.#discovery?.get(name))?.membership ?? null;
  }

  /** Whether the registry of `discover` has been heard of; null for the others, and while its first answer is awaited. */
  contact(registry: string): 'answered' | OutriggerError | null {
    const contact = this.#contact;
    if (contact === null || contact.registry.name !== registry) return null;
    return contact.answered ? 'answered' : contact.error;
  }

  /** What `ready` still waits for; empty when it does not. */
  missing(): string[] {
    const contact = this.#contact;
    const silent = contact === null || contact.answered ? null : contact.registry.name;
    if (this.#deps.clock.now() - this.#startedAt > READY_AFTER) return [];
    const reasons = Array.from(this.#waiting, (name) => {
      const registry = this.#config.services.get(name)?.registry ?? '';
      return `service "${name}": registry "${registry}" has not answered yet`;
    });
    if (silent !== null) reasons.push(`discover: registry "${silent}" has not answered yet`);
    return reasons;
  }

  /** Resolves when every configured service has had an answer, and the first check of `discover` is over; or after `ms` milliseconds. */
  settled(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isSettled) return resolve();
      this.#onSettled = resolve;
      this.#deps.clock.after(ms, resolve);
    });
  }

  /** A data thread has met a name that it does not know. Once it is followed, the feed tells of it. */
  wanted(name: string): Answered {
    const discover = this.#config.discover;
    const outcome = this.#discovery?.wanted(name) ?? 'invalid';
    if (discover === null || outcome === 'invalid') {
      return { kind: 'refused', why: `"${name}" cannot be looked up: it is no name for a service` };
    }
    if (outcome === 'full') {
      const why = `service "${name}" cannot be looked up: as many services as possible are followed already`;
      return { kind: 'refused', why };
    }
    if (outcome === 'opened') this.#deps.feed.add(name, this.#discoveredSettings(discover, name), discover.format);
    return { kind: 'followed' };
  }

  /**
   * Takes over another config: what is new is followed, what is gone is dropped, what looks elsewhere goes on with the instances it has
   * until the new place answers. Resolves when what is not needed any more has been closed.
   * @param between called when what is new is there and what is gone is still there: the moment to route otherwise
   */
  async apply(next: Config, between: () => void): Promise<void> {
    const { clock, log, feed } = this.#deps;
    const before = this.#config;
    const registriesBefore = this.#registries;
    const deps = { clock, log };
    this.#registries = await openRegistries(next, deps, { config: before, registries: registriesBefore });
    this.#config = next;
    const closing: Promise<unknown>[] = [];
    const moved = (name: string): boolean => registriesBefore.all.get(name) !== this.#registries.all.get(name);
    for (const [name, service] of next.services) {
      const old = before.services.get(name);
      if (old === undefined) {
        this.#discovery?.release(name);
        feed.add(name, service.settings, service.format);
        this.#waiting.add(name);
        this.#follow(name, service, null);
        continue;
      }
      if (!isDeepStrictEqual(old.settings, service.settings) || old.format !== service.format) {
        feed.configure(name, service.settings, service.format);
      }
      if (looksElsewhere(old, service) || service.sources.some(({ registry }) => moved(registry))) {
        const cluster = this.#clusters.get(name);
        this.#follow(name, service, cluster?.membership ?? null);
        closing.push(cluster?.close() ?? Promise.resolve());
      }
      if (!isDeepStrictEqual([old.health, old.settings.tls], [service.health, service.settings.tls]))
        this.#recheck(name);
    }
    between();
    closing.push(this.#applyDiscover(before.discover, next.discover, moved));
    for (const name of before.services.keys()) if (!next.services.has(name)) closing.push(this.#drop(name));
    await Promise.all(closing);
    await registriesBefore.retire(this.#registries);
  }

  /** Ends everything. Never rejects. */
  async close(): Promise<void> {
    this.#contact?.close();
    this.#health.close();
    await Promise.all([...Array.from(this.#clusters.values(), (cluster) => cluster.close()), this.#discovery?.close()]);
    await this.#registries.close();
  }

  get #isSettled(): boolean {
    return this.#waiting.size === 0 && (this.#contact === null || this.#contact.looked);
  }

  #placeOf(name: string): ServiceConfig | DiscoverConfig | null {
    return this.#config.services.get(name) ?? this.#config.discover;
  }

  #follow(name: string, service: ServiceConfig, initial: Membership | null): void {
    const { clock, log } = this.#deps;
    const { registry, path, emptyProtection } = this.#registries.source(service);
    const { format, instances, settings } = service;
    const query = { service: name, path, format, protocol: settings.protocol, instances };
    const changed = (change: ClusterChange): void => this.#changed(change);
    const options = { registry, query, emptyProtection, initial };
    this.#clusters.set(name, new Cluster(options, { clock, log, trouble: this.#trouble, changed }));
  }

  #changed(change: ClusterChange): void {
    this.#health.change(change);
    if (!change.known) return;
    this.#waiting.delete(change.name);
    if (this.#isSettled) this.#onSettled();
  }

  /** A registry that only `discover` uses would else first be asked when the app calls. */
  #makeContact(): FirstContact | null {
    const discover = this.#config.discover;
    if (discover === null) return null;
    const { registry: name } = discover;
    const { registry, path } = this.#registries.source(discover);
    return new FirstContact(registry, path, {
      clock: this.#deps.clock,
      patience: READY_AFTER,
      looked: () => {
        if (this.#isSettled) this.#onSettled();
      },
      began: (error) => this.#trouble.begins(name, error, {}),
      ended: (error, cured) => this.#trouble.ends(name, error, {}, cured),
    });
  }

  #openDiscovery(): Discovery | null {
    const discover = this.#config.discover;
    if (discover === null) return null;
    const { clock, log, feed } = this.#deps;
    const { registry, path, emptyProtection } = this.#registries.source(discover);
    return new Discovery(
      { registry, path, format: discover.format, protocol: discover.settings.protocol, emptyProtection },
      {
        clock,
        log,
        trouble: this.#trouble,
        changed: (change) => this.#changed(change),
        dropped: (name) => {
          this.#health.drop(name);
          feed.drop(name);
        },
        demand: (name) => this.#demand(name),
      },
    );
  }

  #discoveredSettings(discover: DiscoverConfig, name: string): DiscoverConfig['settings'] {
    const path = discover.path.replaceAll('{service}', () => name);
    return { ...withNeeds(discover.settings, this.#config.needs.get(name)), path };
  }

  async #applyDiscover(
    before: DiscoverConfig | null,
    next: DiscoverConfig | null,
    moved: (registry: string) => boolean,
  ): Promise<void> {
    const { feed } = this.#deps;
    const stays =
      before !== null &&
      next !== null &&
      !looksElsewhere(before, next) &&
      isDeepStrictEqual([before.health, before.settings.tls], [next.health, next.settings.tls]) &&
      !next.sources.some(({ registry }) => moved(registry));
    if (stays) {
      for (const cluster of this.#discovery?.clusters() ?? []) {
        feed.configure(cluster.name, this.#discoveredSettings(next, cluster.name), next.format);
      }
      return;
    }
    const discovery = this.#discovery;
    // They are looked up anew, in the new place, by the next request for them.
    for (const { name } of [...(discovery?.clusters() ?? [])]) discovery?.release(name);
    this.#contact?.close();
    this.#discovery = this.#openDiscovery();
    this.#contact = this.#makeContact();
    await discovery?.close();
  }

  async #drop(name: string): Promise<void> {
    const cluster = this.#clusters.get(name);
    this.#clusters.delete(name);
    this.#waiting.delete(name);
    this.#health.drop(name);
    this.#deps.feed.drop(name);
    await cluster?.close();
  }

  /** The checks of a service are others now, or none. */
  #recheck(name: string): void {
    const membership = this.membership(name);
    if (membership !== null) this.#health.restart(membership);
  }

  #demand(name: string): { requests: number; inFlight: number } {
    const { feed, arena } = this.#deps;
    const service = feed.get(name);
    if (service === undefined) return { requests: 0, inFlight: 0 };
    let requests = 0;
    for (let bucket = 0; bucket < HISTOGRAM_SLOTS - 1; bucket++) {
      requests += arena.sum(service.counters, SERVICE.DURATION + bucket);
    }
    return { requests, inFlight: arena.sum(service.counters, SERVICE.IN_FLIGHT) };
  }
}

/** Whether instances have to be looked up anew. */
function looksElsewhere(a: ServiceConfig | DiscoverConfig, b: ServiceConfig | DiscoverConfig): boolean {
  const place = (where: ServiceConfig | DiscoverConfig) => [
    where.sources,
    where.registryMode,
    where.path,
    where.format,
    where.settings.protocol,
    'instances' in where ? where.instances : null,
  ];
  return !isDeepStrictEqual(place(a), place(b));
}
