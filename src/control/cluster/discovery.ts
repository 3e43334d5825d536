import type { Registry, RegistryQuery } from '../registries/registry.ts';
import { Cluster, type ClusterDeps } from './cluster.ts';
import { isServiceName } from './service_name.ts';

/** What the config's `discover:` says. */
export interface DiscoveryOptions {
  readonly registry: Registry;
  /** With `{service}` where the name goes, as often as wanted. */
  readonly path: string;
  readonly format: string;
  /** What the instances must speak; see `RegistryQuery`. */
  readonly protocol?: RegistryQuery['protocol'];
  /** See `ClusterOptions`. */
  readonly emptyProtection: number;
  /** Most services that are followed at a time; 1,000 when left out. Each costs one watch in the registry. */
  readonly max?: number;
  /** A service without demand for this long is dropped, in milliseconds; 10 minutes when left out. */
  readonly idle?: number;
}

/** How much a service is asked for, over all data threads. */
export interface Demand {
  /** Requests so far; only whether it moved counts. */
  readonly requests: number;
  readonly inFlight: number;
}

export interface DiscoveryDeps extends ClusterDeps {
  /** The service is not followed any more; its last change has been told. */
  readonly dropped: (name: string) => void;
  /** Reads the counters of a service that is followed. */
  readonly demand: (name: string) => Demand;
}

/** What became of a name: followed since now, followed already, not a name for a service, or no room for one more. */
export type Wanted = 'opened' | 'known' | 'invalid' | 'full';

const MAX_SERVICES = 1_000;
const IDLE = 10 * 60_000;
/** In milliseconds. */
const REFUSAL_LOG_INTERVAL = 60_000;

interface Followed {
  readonly cluster: Cluster;
  requests: number;
  /** When somebody last wanted it, in epoch milliseconds. */
  wantedAt: number;
}

/**
 * The services that nobody configured: each is looked up when the first request names it, and followed for as long as requests
 * do. One that the registry does not know is followed too, so that it works as soon as its first instance registers.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #deps: DiscoveryDeps;
  readonly #max: number;
  readonly #idle: number;
  readonly #followed = new Map<string, Followed>();
  #cancelSweep: (() => void) | null = null;
  #refusedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: DiscoveryOptions, deps: DiscoveryDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#max = options.max ?? MAX_SERVICES;
    this.#idle = options.idle ?? IDLE;
    this.#sweepLater();
  }

  /** The clusters followed now, by name. */
  *clusters(): IterableIterator<Cluster> {
    for (const { cluster } of this.#followed.values()) yield cluster;
  }

  get(name: string): Cluster | null {
    return this.#followed.get(name)?.cluster ?? null;
  }

  /** A request names this service. The first change of one that is `opened` comes later. */
  wanted(name: string): Wanted {
    const now = this.#deps.clock.now();
    const followed = this.#followed.get(name);
    if (followed !== undefined) {
      followed.wantedAt = now;
      return 'known';
    }
    if (this.#closed || !isServiceName(name)) return 'invalid';
    if (this.#followed.size >= this.#max && !this.#makeRoom()) {
      this.#refuse(name, now);
      return 'full';
    }
    const { registry, path, format, protocol, emptyProtection } = this.#options;
    const place = { service: name, path: path.replaceAll('{service}', () => name), format };
    const query = protocol === undefined ? place : { ...place, protocol };
    const cluster = new Cluster({ registry, query, emptyProtection }, this.#deps);
    this.#followed.set(name, { cluster, requests: 0, wantedAt: now });
    return 'opened';
  }

  /** Follows this service no longer, if it does: somebody else does, or it will be looked up anew. */
  release(name: string): void {
    if (this.#followed.has(name)) this.#drop(name);
  }

  /** Closes all clusters; `dropped` is not called for them. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelSweep?.();
    const closing = Array.from(this.#followed.values(), ({ cluster }) => cluster.close());
    this.#followed.clear();
    await Promise.all(closing);
  }

  /** Said once a minute: whoever makes up names must not fill the log with them. */
  #refuse(name: string, now: number): void {
    if (now - this.#refusedAt < REFUSAL_LOG_INTERVAL) return;
    this.#refusedAt = now;
    this.#deps.log.warn(`Cannot discover one more service: ${this.#max} with instances are followed already.`, {
      service: name,
    });
  }

  /** Names that lead nowhere must not keep out those that do: the one longest without demand leaves. */
  #makeRoom(): boolean {
    let oldest: string | null = null;
    let oldestAt = Number.POSITIVE_INFINITY;
    for (const [name, { cluster, wantedAt }] of this.#followed) {
      if (cluster.membership.instances.length > 0 || wantedAt >= oldestAt) continue;
      oldest = name;
      oldestAt = wantedAt;
    }
    if (oldest !== null) this.#drop(oldest);
    return oldest !== null;
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#deps.clock.after(this.#idle / 10, () => {
      this.#sweep();
      this.#sweepLater();
    });
  }

  #sweep(): void {
    const now = this.#deps.clock.now();
    for (const [name, followed] of this.#followed) {
      const { requests, inFlight } = this.#deps.demand(name);
      if (inFlight > 0 || requests !== followed.requests) followed.wantedAt = now;
      followed.requests = requests;
      if (now - followed.wantedAt < this.#idle) continue;
      this.#deps.log.debug('The service is not followed any more: nobody asks for it.', { service: name });
      this.#drop(name);
    }
  }

  #drop(name: string): void {
    void this.#followed.get(name)?.cluster.close();
    this.#followed.delete(name);
    this.#deps.dropped(name);
  }
}
