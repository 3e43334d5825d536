import type { InstanceConcurrency } from '../../model/resilience.ts';

/** Where the adaptive limit begins, and the bounds it stays in. */
const FIRST_LIMIT = 20;
const LEAST_LIMIT = 4;
const MOST_LIMIT = 1_000;
/** The limit is judged anew after this many answers, and after at least this long, in milliseconds. */
const SAMPLES = 50;
const WINDOW = 100;
/** How much slower than the baseline answers may be before the limit falls. */
const TOLERANCE = 1.5;
/** How far the limit moves towards what a window says, and the baseline towards what is faster. */
const SMOOTHING = 0.2;
/** Busy windows between two measurements of the baseline, and before the first one; at least half a minute, and two seconds. */
const MEASURE_EVERY = 300;
const MEASURE_FIRST = 20;
/** How much of the limit is left while the baseline is measured: with so much less to do, nothing waits inside the instance. */
const MEASURE_SHARE = 0.25;

/**
 * How many requests one instance may have at once. Fixed, or a gradient (as in Netflix's concurrency-limits and Envoy's adaptive
 * concurrency): as long as answers come nearly as fast as they can, the limit grows by the square root of itself; when they take longer,
 * it shrinks in proportion. How fast they can come is measured from time to time with a fraction of the limit: an average would follow a
 * limit that creeps up, and never see that requests wait.
 *
 *     judging --- busy for long enough ---> settling (older requests end) ---> measuring ---> judging
 */
export class ConcurrencyLimit {
  limit: number;
  readonly #adaptive: boolean;
  /** Latency of an instance that is not crowded, in milliseconds; 0: not known. */
  #baseline = 0;
  #phase: 'judging' | 'settling' | 'measuring' = 'judging';
  /** The limit that comes back after a measurement. */
  #held = 0;
  #busyWindows = MEASURE_EVERY - MEASURE_FIRST;
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
    this.#windowEnded(this.#sum / this.#count, this.#peak);
    this.#sum = this.#count = this.#peak = 0;
    this.#since = now;
  }

  #windowEnded(mean: number, peak: number): void {
    switch (this.#phase) {
      case 'settling':
        this.#phase = 'measuring';
        break;
      case 'measuring':
        this.#baseline = mean;
        this.limit = this.#held;
        this.#phase = 'judging';
        break;
      case 'judging':
        if (this.#baseline === 0) this.#baseline = mean;
        else if (mean < this.#baseline) this.#baseline += (mean - this.#baseline) * SMOOTHING;
        // An instance that was never near its limit says nothing about it.
        if (peak >= this.limit / 2) this.#judge(mean);
        break;
    }
  }

  #judge(mean: number): void {
    const gradient = Math.max(0.5, Math.min(1, (TOLERANCE * this.#baseline) / mean));
    const target = gradient * this.limit + Math.sqrt(this.limit);
    const next = this.limit * (1 - SMOOTHING) + target * SMOOTHING;
    this.limit = Math.max(LEAST_LIMIT, Math.min(MOST_LIMIT, next));
    if (++this.#busyWindows < MEASURE_EVERY) return;
    this.#busyWindows = 0;
    this.#held = this.limit;
    this.limit = Math.max(LEAST_LIMIT, this.limit * MEASURE_SHARE);
    this.#phase = 'settling';
  }
}
