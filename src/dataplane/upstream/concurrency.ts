import type { InstanceConcurrency } from '../../model/resilience.ts';

/** Where the adaptive limit begins, and the bounds it stays in. */
const FIRST_LIMIT = 20;
const LEAST_LIMIT = 4;
const MOST_LIMIT = 1_000;
/** The limit is judged anew after this many answers, and after at least this long, in milliseconds. */
const SAMPLES = 50;
const WINDOW = 100;
/** How much slower than usual answers may be before the limit falls. */
const TOLERANCE = 1.5;
/** How much of the last windows' mean survives a window: the long-term latency follows slowly. */
const LONG_TERM = 0.95;
/** How far the limit moves towards what a window says. */
const SMOOTHING = 0.2;

/**
 * How many requests one instance may have at once. Fixed, or a gradient: as long as answers come as fast as they used to, the limit
 * grows by the square root of itself; when they take longer, it shrinks in proportion (Netflix's concurrency-limits, Gradient2).
 */
export class ConcurrencyLimit {
  limit: number;
  readonly #adaptive: boolean;
  #longTerm = 0;
  #sum = 0;
  #count = 0;
  #peak = 0;
  #since = 0;

  constructor(setting: InstanceConcurrency | null) {
    this.#adaptive = setting === 'adaptive';
    this.limit = setting === null ? Number.POSITIVE_INFINITY : setting === 'adaptive' ? FIRST_LIMIT : setting;
  }

  /** An answer took `latency` milliseconds, and `inFlight` requests were open at its end, itself included; `now` in milliseconds. */
  answered(latency: number, inFlight: number, now: number): void {
    if (!this.#adaptive) return;
    this.#sum += latency;
    this.#count++;
    if (inFlight > this.#peak) this.#peak = inFlight;
    if (this.#count < SAMPLES || now - this.#since < WINDOW) return;
    const mean = this.#sum / this.#count;
    this.#longTerm = this.#longTerm === 0 ? mean : this.#longTerm * LONG_TERM + mean * (1 - LONG_TERM);
    // After a slow time the long-term latency must not stay above what the instance can do now.
    if (this.#longTerm > 2 * mean) this.#longTerm *= LONG_TERM;
    // An instance that was never near its limit says nothing about it.
    if (this.#peak >= this.limit / 2) {
      const gradient = Math.max(0.5, Math.min(1, (TOLERANCE * this.#longTerm) / mean));
      const target = gradient * this.limit + Math.sqrt(this.limit);
      const next = this.limit * (1 - SMOOTHING) + target * SMOOTHING;
      this.limit = Math.max(LEAST_LIMIT, Math.min(MOST_LIMIT, next));
    }
    this.#sum = this.#count = this.#peak = 0;
    this.#since = now;
  }
}
