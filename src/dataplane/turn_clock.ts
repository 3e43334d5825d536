import { performance } from 'node:perf_hooks';

/**
 * Monotonic milliseconds, read at most once per turn of the event loop: all requests that were read in one turn arrived "now",
 * and a clock read each would cost more than picking an instance.
 */
export class TurnClock {
  #fresh = false;
  #value = 0;
  readonly #onRead: () => void;

  /** `onRead` makes sure that `endTurn` is called in this turn. */
  constructor(onRead: () => void) {
    this.#onRead = onRead;
  }

  /** This very moment, whatever the turn's time is. */
  exact(): number {
    return performance.now();
  }

  now(): number {
    if (!this.#fresh) {
      this.#value = this.exact();
      this.#fresh = true;
      this.#onRead();
    }
    return this.#value;
  }

  endTurn(): void {
    this.#fresh = false;
  }
}
