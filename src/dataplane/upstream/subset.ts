import type { Picker, PickerContext, PickerFactory } from '../balancing/picker.ts';
import type { Endpoint } from './endpoint.ts';
import { WaitQueue } from './wait_queue.ts';

/**
 * The instances that may serve one kind of request (all of a service, or those of one version), the picker over the ready ones,
 * and the requests that wait for one of them.
 */
export class Subset {
  /** The version, or what else its members have in common, for messages; null for the subset of all instances. */
  readonly version: string | null;
  readonly queue = new WaitQueue();
  /** All registered instances of this kind, sorted by id. */
  #members: readonly Endpoint[] = [];
  /** Those that are picked from: the ready ones, or in a panic all that are connected. */
  #ready: readonly Endpoint[] = [];
  #panics = false;
  #picker: Picker | null = null;
  #stale = true;
  /** Every ready instance was full at the last try; saves going through all of them again for each request that queues up. */
  #saturated = false;
  readonly #factory: PickerFactory;
  readonly #context: PickerContext;
  readonly #panicThreshold: () => number;

  constructor(version: string | null, factory: PickerFactory, context: PickerContext, panicThreshold: () => number) {
    this.version = version;
    this.#factory = factory;
    this.#context = context;
    this.#panicThreshold = panicThreshold;
  }

  get members(): readonly Endpoint[] {
    return this.#members;
  }

  setMembers(members: readonly Endpoint[]): void {
    this.#members = members;
    this.invalidate();
  }

  /** Some member became ready or stopped being it: the next pick builds the picker anew. */
  invalidate(): void {
    this.#stale = true;
    this.#saturated = false;
  }

  /** A member has a free stream slot again. */
  slotFreed(): void {
    this.#saturated = false;
  }

  /**
   * An instance with a free stream slot; null when none is ready or all are full. `avoid` (the one that just failed) is taken
   * only if there is no other; `key` is what the request is hashed by.
   */
  pick(avoid: Endpoint | null, key: number): Endpoint | null {
    if (this.#stale) this.#rebuild();
    if (this.#saturated) return null;
    const ready = this.#ready;
    const count = ready.length;
    if (count === 0) return null;
    const picker = this.#picker as Picker;
    const first = picker.pick(key);
    const endpoint = ready[first] as Endpoint;
    if (endpoint !== avoid && endpoint.freeConnection() !== null) return endpoint;
    return this.#pickOther(endpoint, avoid, first, key);
  }

  /** The first choice will not do: the policy's next ones, and then whichever comes first. */
  #pickOther(refused: Endpoint, avoid: Endpoint | null, from: number, key: number): Endpoint | null {
    const ready = this.#ready;
    const picker = this.#picker as Picker;
    if (refused !== avoid) refused.wantMore();
    for (let tries = 1; tries < Math.min(ready.length, 3); tries++) {
      const endpoint = ready[picker.pick(key)] as Endpoint;
      if (endpoint !== avoid && endpoint.freeConnection() !== null) return endpoint;
      if (endpoint !== avoid) endpoint.wantMore();
    }
    for (let i = 1; i < ready.length; i++) {
      const endpoint = ready[(from + i) % ready.length] as Endpoint;
      if (endpoint !== avoid && endpoint.freeConnection() !== null) return endpoint;
      if (endpoint !== avoid) endpoint.wantMore();
    }
    if (avoid !== null && this.uses(avoid) && avoid.freeConnection() !== null) return avoid;
    this.#saturated = true;
    return null;
  }

  /** Some member can take requests now, or could if it were not full. */
  get usable(): boolean {
    if (this.#stale) this.#rebuild();
    return this.#ready.length > 0;
  }

  /** Requests that find no free slot can hope: some member is in use (but full) or on its way. */
  get hopeful(): boolean {
    return this.#members.some((endpoint) => this.uses(endpoint) || endpoint.state === 'connecting');
  }

  /** Requests may go to this member. */
  uses(endpoint: Endpoint): boolean {
    if (endpoint.state === 'ready') return true;
    if (this.#stale) this.#rebuild();
    return this.#panics && endpoint.connected;
  }

  /** The instances that are picked from, and the next `count` choices. The picker does not move on: another one, that takes over from it, is asked. */
  preview(count: number, key: number): { readonly candidates: readonly Endpoint[]; readonly picks: readonly Endpoint[] } {
    if (this.#stale) this.#rebuild();
    const candidates = this.#ready;
    if (candidates.length === 0 || count === 0) return { candidates, picks: [] };
    const picker = this.#factory(candidates, this.#picker, this.#context);
    const picks = Array.from({ length: count }, () => candidates[picker.pick(key)] as Endpoint);
    return { candidates, picks };
  }

  #rebuild(): void {
    this.#stale = false;
    this.#ready = this.#members.filter((endpoint) => endpoint.state === 'ready');
    // Better a few errors than all the load on the few that are left (Envoy's panic threshold).
    this.#panics = this.#ready.length < this.#members.length * this.#panicThreshold();
    if (this.#panics) this.#ready = this.#members.filter((endpoint) => endpoint.connected);
    // A picker over nothing would lose the position; the old one is kept until there is something to pick from.
    if (this.#ready.length > 0) this.#picker = this.#factory(this.#ready, this.#picker, this.#context);
  }
}
