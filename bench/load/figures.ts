/** The middle of the values, or the mean of the two in the middle; null without values. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/**
 * The smallest value that at least `share` (0 to 1) of all values do not exceed: the nearest-rank percentile.
 * @param sorted ascending
 */
export function percentile(sorted: ArrayLike<number>, share: number): number | null {
  if (sorted.length === 0) return null;
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] as number;
}

/** How long requests took, in microseconds; null where the source does not tell. */
export interface Latency {
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** Summarises single durations (any order, any unit). */
export function summarize(durations: readonly number[] | Float64Array): Latency {
  const sorted = Float64Array.from(durations).sort();
  let sum = 0;
  for (const duration of sorted) sum += duration;
  return {
    mean: sorted.length === 0 ? null : sum / sorted.length,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    p999: percentile(sorted, 0.999),
    max: percentile(sorted, 1),
  };
}

/** `ours / theirs`; null when either is unknown or there is nothing to divide by. */
export function ratio(ours: number | null, theirs: number | null): number | null {
  return ours === null || theirs === null || theirs === 0 ? null : ours / theirs;
}
