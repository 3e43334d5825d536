import type { Picker, PickerFactory } from '../balancing/picker.ts';
import type { Endpoint } from './endpoint.ts';
import { WaitQueue } from './wait_queue.ts';

/**
 * The instances that may serve one kind of request (all of a service, or those of one version), the picker over the ready ones,
 * and the requests that wait for one of them.
 */
export class Subset {
  /** Null for the subset of all instances. */
  readonly version: string | null;
  readonly queue = new WaitQueue();
  /** All registered instances of this kind, sorted by id. */
  #members: readonly Endpoint[] = [];
  #ready: readonly Endpoint[] = [];
  #picker: Picker | null = null;
  #stale = true;
  /** Every ready instance was full at the last try; saves going through all of them again for each request that queues up. */
  #saturated = false;
  readonly #factory: PickerFactory;
  readonly #random: () => number;

  constructor(version: string | null, factory: PickerFactory, random: () => number) {
    this.version = version;
    this.#factory = factory;
    this.#random = random;
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
   * only if there is no other.
   */
  pick(avoid: Endpoint | null): Endpoint | null {
    if (this.#stale) this.#rebuild();
    if (this.#saturated) return null;
    const ready = this.#ready;
    const count = ready.length;
    if (count === 0) return null;
    const picker = this.#picker as Picker;
    const first = picker.pick();
    const endpoint = ready[first] as Endpoint;
    if (endpoint !== avoid && endpoint.freeConnection() !== null) return endpoint;
    return this.#pickOther(endpoint, avoid, first);
  }

  /** The first choice will not do: the policy's next ones, and then whichever comes first. */
  #pickOther(refused: Endpoint, avoid: Endpoint | null, from: number): Endpoint | null {
    const ready = this.#ready;
    const picker = this.#picker as Picker;
    if (refused !== avoid) refused.wantMore();
    for (let tries = 1; tries < Math.min(ready.length, 3); tries++) {
      const endpoint = ready[picker.pick()] as Endpoint;
      if (endpoint !== avoid && endpoint.freeConnection() !== null) return endpoint;
      if (endpoint !== avoid) endpoint.wantMore();
    }
    for (let i = 1; i < ready.length; i++) {
      const endpoint = ready[(from + i) % ready.length] as Endpoint;
      if (endpoint !== avoid && endpoint.freeConnection() !== null) return endpoint;
      if (endpoint !== avoid) endpoint.wantMore();
    }
    if (avoid !== null && avoid.state === 'ready' && avoid.freeConnection() !== null) return avoid;
    this.#saturated = true;
    return null;
  }

  /** Requests that find no free slot can hope: some member is ready (but full) or on its way. */
  get hopeful(): boolean {
    return this.#members.some((endpoint) => endpoint.state === 'ready' || endpoint.state === 'connecting');
  }

  #rebuild(): void {
    this.#stale = false;
    this.#ready = this.#members.filter((endpoint) => endpoint.state === 'ready');
    // A picker over nothing would lose the position; the old one is kept until there is something to pick from.
    if (this.#ready.length > 0) this.#picker = this.#factory(this.#ready, this.#picker, this.#random);
  }
}
