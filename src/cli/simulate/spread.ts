/** How evenly something is spread over instances. */
export interface Spread {
  readonly min: number;
  readonly mean: number;
  readonly p99: number;
  readonly max: number;
  /** Coefficient of variation: the standard deviation divided by the mean; 0 is perfectly even. */
  readonly cv: number;
}

export function spreadOf(counts: Uint32Array | Float64Array): Spread {
  const sorted = Float64Array.from(counts).sort();
  const count = sorted.length;
  let sum = 0;
  let squares = 0;
  for (const value of sorted) sum += value;
  const mean = sum / count;
  for (const value of sorted) squares += (value - mean) ** 2;
  return {
    min: sorted[0] ?? 0,
    mean,
    p99: sorted[Math.min(count - 1, Math.ceil(count * 0.99) - 1)] ?? 0,
    max: sorted[count - 1] ?? 0,
    cv: mean === 0 ? 0 : Math.sqrt(squares / count) / mean,
  };
}
