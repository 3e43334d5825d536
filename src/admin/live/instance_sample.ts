import { ENDPOINT, UPSTREAM_RESULTS, type UpstreamResult } from '../../model/counters.ts';
import type { EndpointRecord } from '../../model/snapshot.ts';
import { instanceState } from '../../observe/endpoint_state.ts';
import type { CounterReader } from '../../observe/metrics_view.ts';
import { redact } from '../redact.ts';
import { LatencyWindow } from './latency_window.ts';
import type { InstanceDescription, InstanceRow } from './wire.ts';

const FAILURES: readonly UpstreamResult[] = ['error', 'reset', 'closed', 'deadline'];

/** What one instance is doing, followed as long as somebody looks. */
export class InstanceSample {
  record: EndpointRecord;
  readonly #counters: CounterReader;
  readonly #latency: LatencyWindow;
  #row: InstanceRow | null = null;

  constructor(record: EndpointRecord, counters: CounterReader) {
    this.record = record;
    this.#counters = counters;
    this.#latency = new LatencyWindow((bucket) => this.#duration(bucket));
  }

  get description(): InstanceDescription {
    const { id, address, version, weight, zone } = this.record;
    return [id, address, version, weight, zone];
  }

  /** The row as it was last sampled. */
  get row(): InstanceRow | null {
    return this.#row;
  }

  /** Looks again; the row when something has changed, else null. */
  sample(index: number, error: string | null, elapsed: number): InstanceRow | null {
    const { counters: range, unhealthyReason = error } = this.record;
    let requests = 0;
    let failures = 0;
    for (const [result, name] of UPSTREAM_RESULTS.entries()) {
      const count = this.#counters.sum(range, ENDPOINT.REQUESTS + result);
      requests += count;
      if (FAILURES.includes(name)) failures += count;
    }
    this.#latency.advance((bucket) => this.#duration(bucket), elapsed);
    const row: InstanceRow = [
      index,
      instanceState(this.#counters, range),
      this.#counters.sum(range, ENDPOINT.IN_FLIGHT),
      requests,
      failures,
      this.#latency.quantile(0.5),
      this.#latency.quantile(0.99),
      unhealthyReason === null ? null : String(redact(unhealthyReason)),
    ];
    const before = this.#row;
    if (before !== null && row.every((value, at) => value === before[at])) return null;
    this.#row = row;
    return row;
  }

  #duration(bucket: number): number {
    return this.#counters.sum(this.record.counters, ENDPOINT.DURATION + bucket);
  }
}
