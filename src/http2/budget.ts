/**
 * A token bucket: `rate` per second, and as much at once. For frames that cost work and carry nothing: a peer that sends more of
 * them than any honest one would is cut off.
 */
export class Budget {
  readonly #rate: number;
  #left: number;
  #filledAt: number;

  constructor(rate: number, now: number) {
    this.#rate = rate;
    this.#left = rate;
    this.#filledAt = now;
  }

  /** Takes one; false when the budget is used up. `now` in milliseconds, asked for only when the bucket is empty. */
  take(now: () => number): boolean {
    if (this.#left >= 1) {
      this.#left--;
      return true;
    }
    const at = now();
    this.#left = Math.min(this.#rate, this.#left + ((at - this.#filledAt) * this.#rate) / 1000);
    this.#filledAt = at;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
