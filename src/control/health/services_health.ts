import type { ServiceHealthOptions } from '../../config/health_options.ts';
import type { ClusterChange, Membership } from '../cluster/cluster.ts';
import { ActiveHealth, type ActiveHealthDeps } from './active.ts';
import { Turns } from './turns.ts';

/** Looks that are under way at a time, over all services: enough for 1,000 instances every 5 s that all take 1 s to fail. */
const MOST_LOOKS = 200;

/** The active checks of all services: stands between the memberships and those who use them. */
export class ServicesHealth {
  readonly #optionsOf: (service: string) => ServiceHealthOptions | null;
  readonly #deps: ActiveHealthDeps;
  readonly #services = new Map<string, ActiveHealth>();

  /** `optionsOf` says how a service is checked; null: not at all. */
  constructor(optionsOf: (service: string) => ServiceHealthOptions | null, deps: Omit<ActiveHealthDeps, 'turns'>) {
    this.#optionsOf = optionsOf;
    this.#deps = { ...deps, turns: new Turns(MOST_LOOKS) };
  }

  /** A membership changed; hands it on, at once. */
  change(change: ClusterChange): void {
    const options = this.#optionsOf(change.name);
    if (options === null) return this.#deps.changed(change);
    let service = this.#services.get(change.name);
    if (service === undefined) {
      service = new ActiveHealth(change.name, options, this.#deps);
      this.#services.set(change.name, service);
    }
    service.change(change);
  }

  /** The service is checked in another way now, or not at all: its instances count as well until they have failed. */
  restart(membership: Membership): void {
    const { name, instances } = membership;
    const { changed, health } = this.#deps;
    // Some may have been kept beyond what the registry says.
    const kept = this.#services.get(name)?.kept ?? [];
    this.drop(name);
    if (kept.length > 0) changed({ ...membership, diff: { added: [], changed: [], removed: kept } });
    health(name, new Map(instances.map(({ address }) => [address, { healthy: true }])));
    const options = this.#optionsOf(name);
    if (options === null) return;
    const service = new ActiveHealth(name, options, this.#deps);
    this.#services.set(name, service);
    service.adopt(instances);
  }

  /** Nobody follows the service any more. */
  drop(name: string): void {
    this.#services.get(name)?.close();
    this.#services.delete(name);
  }

  /** Ends all checks. */
  close(): void {
    for (const name of [...this.#services.keys()]) this.drop(name);
  }
}
