import { CODE_CLASSES, GRPC_STATUSES, type Range, SERVICE, VERSION } from '../../model/counters.ts';
import type { EndpointRecord } from '../../model/snapshot.ts';
import type { CounterReader } from '../../observe/metrics_view.ts';
import type { ServiceView } from '../admin_view.ts';
import { redact } from '../redact.ts';
import { InstanceSample } from './instance_sample.ts';
import { LatencyWindow } from './latency_window.ts';
import type { InstanceRow, ServiceDescription, ServiceTick } from './wire.ts';

/** gRPC statuses that a server is to blame for: OpenTelemetry's conventions for RPC spans. */
const SERVER_ERRORS: readonly number[] = [2, 4, 12, 13, 14, 15];
const SERVER_ERROR_CLASS = CODE_CLASSES.indexOf('5xx');

/** What one service is doing, followed as long as somebody looks. */
export class ServiceSample {
  readonly #counters: CounterReader;
  readonly #range: Range | null;
  readonly #latency: LatencyWindow;
  #instances: readonly InstanceSample[] = [];
  #view: ServiceView;
  #head = '';
  #described = '';
  #tick: ServiceTick | null = null;

  constructor(view: ServiceView, counters: CounterReader) {
    this.#view = view;
    this.#counters = counters;
    this.#range = view.totals?.counters ?? null;
    this.#latency = new LatencyWindow((bucket) => this.#sum(SERVICE.DURATION + bucket));
  }

  /** Whether a service of that name is still the same one. */
  follows(view: ServiceView): boolean {
    return (view.totals?.counters ?? null) === this.#range;
  }

  /** Takes over who is there now; true when that is to be told. */
  update(view: ServiceView): boolean {
    this.#view = view;
    const head = JSON.stringify([view.registry, view.path, view.format, view.balance]);
    const records = [...view.instances];
    const known = this.#instances;
    const sameSet = records.length === known.length && records.every((record, at) => record === known[at]?.record);
    if (sameSet && head === this.#head) return false;
    this.#head = head;
    const byAddress = new Map(known.map((sample) => [sample.record.address, sample]));
    this.#instances = records.map((record) => this.#follow(byAddress.get(record.address), record));
    return this.#isNews();
  }

  get description(): ServiceDescription {
    const { name, registry, path, format, balance } = this.#view;
    const instances = this.#instances.map((instance) => instance.description);
    return { name, registry, path: String(redact(path)), format, balance, instances };
  }

  /** Looks again; `rows` are those that have changed. */
  sample(now: number, elapsed: number): ServiceTick {
    const { name, updatedAt, stale, trouble = null, errorOf, totals } = this.#view;
    const rows: InstanceRow[] = [];
    for (const [index, instance] of this.#instances.entries()) {
      const row = instance.sample(index, errorOf?.(instance.record.address) ?? null, elapsed);
      if (row !== null) rows.push(row);
    }
    this.#latency.advance((bucket) => this.#sum(SERVICE.DURATION + bucket), elapsed);
    const { requests, errors } = this.#answers(Object.values(totals?.versions ?? {}));
    this.#tick = {
      name,
      age: updatedAt > 0 ? Math.max(0, now - updatedAt) : null,
      stale,
      trouble: trouble === null ? null : String(redact(trouble)),
      requests,
      errors,
      inFlight: this.#sum(SERVICE.IN_FLIGHT),
      pending: this.#sum(SERVICE.PENDING),
      p50: this.#latency.quantile(0.5),
      p99: this.#latency.quantile(0.99),
      latency: this.#latency.buckets(),
      rows,
    };
    return this.#tick;
  }

  /** As it was last sampled, with all rows; null before the first time. */
  get whole(): ServiceTick | null {
    if (this.#tick === null) return null;
    return { ...this.#tick, rows: this.#instances.flatMap(({ row }) => (row === null ? [] : [row])) };
  }

  /** Told anew only when a word of it is another: health checks, say, make new records that read the same. */
  #isNews(): boolean {
    const described = JSON.stringify(this.description);
    if (described === this.#described) return false;
    this.#described = described;
    return true;
  }

  #follow(known: InstanceSample | undefined, record: EndpointRecord): InstanceSample {
    if (known === undefined || known.record.counters !== record.counters) {
      return new InstanceSample(record, this.#counters);
    }
    known.record = record;
    return known;
  }

  #answers(versions: readonly Range[]): { requests: number; errors: number } {
    let requests = 0;
    let errors = 0;
    for (const range of versions) {
      for (let slot = 0; slot < VERSION.SLOTS; slot++) {
        const count = this.#counters.sum(range, VERSION.REQUESTS + slot);
        if (count === 0) continue;
        requests += count;
        const failed =
          Math.floor(slot / GRPC_STATUSES) === SERVER_ERROR_CLASS || SERVER_ERRORS.includes(slot % GRPC_STATUSES);
        if (failed) errors += count;
      }
    }
    return { requests, errors };
  }

  #sum(slot: number): number {
    return this.#range === null ? 0 : this.#counters.sum(this.#range, slot);
  }
}
