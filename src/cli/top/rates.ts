import type { InstanceStats, ServiceStats, StatsJson } from '../../admin/stats_json.ts';

/** One line of `top`: what happened between two looks. */
export interface TopRow {
  readonly service: string;
  /** Null: the service as a whole. */
  readonly instance: string | null;
  readonly version: string | null;
  readonly state: string | null;
  readonly requests_per_second: number;
  readonly errors_per_second: number;
  /** Milliseconds, estimated within the buckets; null without requests. */
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  readonly in_flight: number;
  /** Of the service's attempts, from 0 to 1; null without any, and for the service itself. */
  readonly share: number | null;
}

/** A service and its instances. */
export interface TopService {
  readonly total: TopRow;
  readonly instances: readonly TopRow[];
}

/** What changed from one look to the next; what was not there at the first counts from zero. */
export function ratesOf(before: StatsJson, after: StatsJson): TopService[] {
  const seconds = Math.max(0.001, (after.now - before.now) / 1_000);
  return after.services.map((service) => {
    const old = before.services.find(({ name }) => name === service.name);
    const earlier = new Map(old?.instances.map((instance) => [instance.address, instance]));
    const pairs = service.instances.map((instance) => [instance, earlier.get(instance.address)] as const);
    const attempts = pairs.reduce((sum, [now, then]) => sum + grown(now.requests, then?.requests), 0);
    return {
      total: totalRow(service, old, after.bounds, seconds),
      instances: pairs.map(([now, then]) => instanceRow(service.name, now, then, after.bounds, seconds, attempts)),
    };
  });
}

function totalRow(
  now: ServiceStats,
  then: ServiceStats | undefined,
  bounds: readonly number[],
  seconds: number,
): TopRow {
  const ready = now.instances.filter(({ state }) => state === 'ready').length;
  const spare = now.instances.filter(({ state }) => state === 'spare').length;
  const left = spare === 0 ? '' : `, ${spare} spare`;
  const state = now.instances.length === 0 ? 'no instance' : `${ready} of ${now.instances.length - spare} ready${left}`;
  return {
    service: now.name,
    instance: null,
    version: null,
    state,
    ...common(now, then, bounds, seconds),
    share: null,
  };
}

function instanceRow(
  service: string,
  now: InstanceStats,
  then: InstanceStats | undefined,
  bounds: readonly number[],
  seconds: number,
  attempts: number,
): TopRow {
  return {
    service,
    instance: now.address,
    version: now.version,
    state: now.state,
    ...common(now, then, bounds, seconds),
    share: attempts === 0 ? null : grown(now.requests, then?.requests) / attempts,
  };
}

/** What services and instances both tell. */
interface Counted {
  readonly requests: number;
  readonly errors: number;
  readonly in_flight: number;
  readonly durations: readonly number[];
}

function common(now: Counted, then: Counted | undefined, bounds: readonly number[], seconds: number) {
  const counts = now.durations.map((count, bucket) => grown(count, then?.durations[bucket]));
  return {
    requests_per_second: grown(now.requests, then?.requests) / seconds,
    errors_per_second: grown(now.errors, then?.errors) / seconds,
    p50_ms: quantile(counts, bounds, 0.5),
    p99_ms: quantile(counts, bounds, 0.99),
    in_flight: now.in_flight,
  };
}

/** A count that is less than before began anew: the sidecar was restarted, or the instance came back. */
function grown(now: number, then = 0): number {
  return now >= then ? now - then : now;
}

/** As Prometheus estimates it: evenly within a bucket; what lies above all bounds counts as the last of them. Milliseconds. */
function quantile(counts: readonly number[], bounds: readonly number[], q: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let rank = q * total;
  for (const [bucket, upper] of bounds.entries()) {
    const count = counts[bucket] ?? 0;
    if (count > 0 && rank <= count) {
      const lower = bounds[bucket - 1] ?? 0;
      return 1_000 * (lower + (upper - lower) * (rank / count));
    }
    rank -= count;
  }
  return 1_000 * (bounds.at(-1) ?? 0);
}
