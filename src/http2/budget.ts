/**
 * A token bucket: `rate` per second, and `burst` at once. For frames that cost work and carry nothing: a peer that sends more of
 * them than any honest one would is cut off.
 */
export class Budget {
  readonly #rate: number;
  readonly #burst: number;
  #left: number;
  #filledAt: number;

  constructor(rate: number, now: number, burst: number = rate) {
    this.#rate = rate;
    this.#burst = burst;
    this.#left = burst;
    this.#filledAt = now;
  }

  /** Takes `cost`; false when the budget is used up. `at`: now, in monotonic milliseconds. */
  take(at: number, cost = 1): boolean {
    if (at !== this.#filledAt) {
      this.#left = Math.min(this.#burst, this.#left + ((at - this.#filledAt) * this.#rate) / 1000);
      this.#filledAt = at;
    }
    if (this.#left < cost) return false;
    this.#left -= cost;
    return true;
  }
}
