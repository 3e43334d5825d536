import type { Kind, Sample } from './load.ts';

/** What was seen of one fault. Times in milliseconds of `performance.now()`. */
export interface Observed {
  readonly samples: readonly Sample[];
  /** The instances that it hit. */
  readonly hit: readonly string[];
  readonly begunAt: number;
  /** When it began, and had been undone. */
  readonly injectedAt: number;
  readonly healedAt: number;
  readonly endedAt: number;
  /** From the fault until the sidecar has stopped to use whom it hit; null: it never had to. */
  readonly detectedAfter: number | null;
  /** From when it was undone until whoever was hit answers calls again. */
  readonly recoveredAfter: number | null;
  readonly retries: number;
  /** How many calls of each service reached the instance that was hit while it was; null where nobody counts. */
  readonly seen: Readonly<Record<string, number>> | null;
  /** Of the service with a retry policy, while the fault lasted: calls, and attempts at instances. */
  readonly retriedCalls: number;
  readonly retriedAttempts: number;
  /** Resident memory of the sidecar at the end, in octets; and what it holds on to then. */
  readonly rss: number;
  readonly inFlight: number;
  readonly pending: number;
}

/** The calls that failed, of one kind or of some. */
export function failures(observed: Observed, ...kinds: readonly Kind[]): Sample[] {
  return observed.samples.filter(({ code, kind }) => code !== 0 && (kinds.length === 0 || kinds.includes(kind)));
}

/** Calls of these kinds that were under way when the fault began. */
export function underWay({ samples, injectedAt }: Observed, ...kinds: readonly Kind[]): Sample[] {
  const isOne = ({ kind, startedAt, endedAt }: Sample): boolean =>
    kinds.includes(kind) && startedAt <= injectedAt && endedAt >= injectedAt;
  return samples.filter(isOne);
}

/** The most calls of these kinds that were under way at the same time while the fault lasted. */
export function mostAtOnce({ samples, injectedAt, healedAt }: Observed, kinds: readonly Kind[]): number {
  const some = samples.filter(
    ({ kind, endedAt, startedAt }) => kinds.includes(kind) && endedAt >= injectedAt && startedAt <= healedAt,
  );
  const at = (when: number): number =>
    some.filter(({ startedAt, endedAt }) => startedAt <= when && endedAt >= when).length;
  return Math.max(0, ...some.map(({ startedAt }) => at(startedAt)));
}

/** `{ 14: 3 }`: failed calls by status. */
export function byStatus(samples: readonly Sample[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { code } of samples) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** How much longer unary calls that succeeded took under the fault than before it, in milliseconds. */
export function addedLatency({ samples, injectedAt, healedAt }: Observed, quantile: number): number {
  const latencies = (from: number, to: number): number[] =>
    samples
      .filter(({ kind, code, startedAt }) => kind !== 'stream' && code === 0 && startedAt >= from && startedAt < to)
      .map(({ startedAt, endedAt }) => endedAt - startedAt)
      .sort((a, b) => a - b);
  const at = (sorted: readonly number[]): number => sorted[Math.floor(quantile * (sorted.length - 1))] ?? 0;
  return Math.max(0, at(latencies(injectedAt, healedAt)) - at(latencies(0, injectedAt)));
}
