import { LATENCY_BOUNDS } from '../model/counters.ts';
import type { RequestRecord } from '../model/observation.ts';

/** A traced request that stands for the others of its bucket. */
export interface Exemplar {
  readonly traceId: string;
  readonly spanId: string;
  /** Seconds. */
  readonly value: number;
  /** Epoch milliseconds. */
  readonly time: number;
}

/** Services that exemplars are kept of: those of the config are fewer, and `discover` follows no more. */
const MOST_SERVICES = 1_024;

/** The last traced request of each service and bucket of `outrigger_request_duration_seconds`. */
export class Exemplars {
  readonly #services = new Map<string, (Exemplar | undefined)[]>();

  add({ service, duration, time, traceId, spanId }: RequestRecord): void {
    if (traceId === null || spanId === null) return;
    const kept = this.#services.get(service) ?? [];
    if (kept.length === 0) {
      if (this.#services.size === MOST_SERVICES) return;
      this.#services.set(service, kept);
    }
    const value = duration / 1_000;
    const found = LATENCY_BOUNDS.findIndex((bound) => value <= bound);
    kept[found === -1 ? LATENCY_BOUNDS.length : found] = { traceId, spanId, value, time: time + duration };
  }

  /** `bucket` counts from 0; the one above the last bound comes last. */
  get(service: string, bucket: number): Exemplar | null {
    return this.#services.get(service)?.[bucket] ?? null;
  }

  clear(): void {
    this.#services.clear();
  }
}
