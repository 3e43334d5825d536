import { LATENCY_BOUNDS } from '../../model/counters.ts';

/** Buckets of a latency histogram, the one above the last bound included. */
const BUCKETS = LATENCY_BOUNDS.length + 1;
/** Requests count for some ten seconds: what is older weighs less and less. In milliseconds. */
const MEMORY = 10_000;
/** Below this weight nothing is left to speak of. */
const NOTHING = 0.05;

/** The latencies of the last ten seconds or so, from histograms that only grow. */
export class LatencyWindow {
  readonly #seen = new Float64Array(BUCKETS);
  readonly #weights = new Float64Array(BUCKETS);
  #total = 0;

  /** What was counted so far is the past. */
  constructor(countOf: (bucket: number) => number) {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#seen[bucket] = countOf(bucket);
  }

  /** Takes in what was counted in the last `elapsed` milliseconds. */
  advance(countOf: (bucket: number) => number, elapsed: number): void {
    const keep = Math.exp(-elapsed / MEMORY);
    this.#total = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = countOf(bucket);
      const weight = (this.#weights[bucket] as number) * keep + Math.max(0, count - (this.#seen[bucket] as number));
      this.#seen[bucket] = count;
      this.#weights[bucket] = weight;
      this.#total += weight;
    }
  }

  /** How much each bucket weighs, to one decimal; zeros at the end are left out. */
  buckets(): number[] {
    const rounded = Array.from(this.#weights, (weight) => Math.round(weight * 10) / 10);
    return rounded.slice(0, rounded.findLastIndex((weight) => weight > 0) + 1);
  }

  /** In milliseconds to three digits, as Prometheus' `histogram_quantile` tells it; null when there was no request. */
  quantile(q: number): number | null {
    if (this.#total < NOTHING) return null;
    let rank = q * this.#total;
    for (let bucket = 0; bucket < LATENCY_BOUNDS.length; bucket++) {
      const weight = this.#weights[bucket] as number;
      if (rank <= weight && weight > 0) {
        const lower = LATENCY_BOUNDS[bucket - 1] ?? 0;
        const upper = LATENCY_BOUNDS[bucket] as number;
        return Number(((lower + (upper - lower) * (rank / weight)) * 1000).toPrecision(3));
      }
      rank -= weight;
    }
    return (LATENCY_BOUNDS.at(-1) as number) * 1000;
  }
}
