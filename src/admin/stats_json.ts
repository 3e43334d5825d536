import {
  CODE_CLASSES,
  ENDPOINT,
  GRPC_STATUSES,
  LATENCY_BOUNDS,
  type Range,
  SERVICE,
  UPSTREAM_RESULTS,
  VERSION,
} from '../model/counters.ts';
import { type InstanceState, instanceState } from '../observe/endpoint_state.ts';
import type { AdminView } from './admin_view.ts';
import { INSTANCE_FAILURES } from './services_json.ts';

/**
 * What `GET /stats` shows: counts since the start, for who looks twice and takes the difference. The names are a promise to scripts.
 * `durations` counts requests by `bounds`, the last one above all of them.
 */
export interface StatsJson {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Upper bounds of the buckets, in seconds. */
  readonly bounds: readonly number[];
  readonly services: readonly ServiceStats[];
}

export interface ServiceStats {
  readonly name: string;
  /** Answered, by whomever. */
  readonly requests: number;
  /** Those of them that ended with HTTP 5xx or a gRPC status that is the server's fault. */
  readonly errors: number;
  readonly in_flight: number;
  readonly pending: number;
  readonly durations: readonly number[];
  readonly instances: readonly InstanceStats[];
}

export interface InstanceStats {
  readonly address: string;
  readonly version: string | null;
  readonly state: InstanceState;
  /** Attempts that ended, and those of them that failed. */
  readonly requests: number;
  readonly errors: number;
  readonly in_flight: number;
  readonly durations: readonly number[];
}

/** UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const SERVER_FAULTS: readonly number[] = [2, 4, 8, 13, 14, 15];
const SERVER_ERRORS = CODE_CLASSES.indexOf('5xx');

/** Reads the shared counters, changes nothing. */
export function describeStats(view: AdminView): StatsJson {
  const { counters } = view;
  const durationsAt = (range: Range, slot: number): number[] =>
    Array.from({ length: LATENCY_BOUNDS.length + 1 }, (_, bucket) => counters.sum(range, slot + bucket));
  const services = Array.from(view.services(), ({ name, totals, instances }): ServiceStats => {
    const counts = { requests: 0, errors: 0, in_flight: 0, pending: 0, durations: [] as number[] };
    if (totals !== undefined) {
      counts.in_flight = counters.sum(totals.counters, SERVICE.IN_FLIGHT);
      counts.pending = counters.sum(totals.counters, SERVICE.PENDING);
      counts.durations = durationsAt(totals.counters, SERVICE.DURATION);
      for (const range of Object.values(totals.versions)) {
        for (let slot = 0; slot < VERSION.SLOTS; slot++) {
          const count = counters.sum(range, VERSION.REQUESTS + slot);
          const status = slot % GRPC_STATUSES;
          counts.requests += count;
          if (Math.floor(slot / GRPC_STATUSES) === SERVER_ERRORS || SERVER_FAULTS.includes(status))
            counts.errors += count;
        }
      }
    }
    return {
      name,
      ...counts,
      instances: Array.from(instances, ({ address, version, counters: range }) => {
        let requests = 0;
        let errors = 0;
        for (const [index, result] of UPSTREAM_RESULTS.entries()) {
          const count = counters.sum(range, ENDPOINT.REQUESTS + index);
          requests += count;
          if (INSTANCE_FAILURES.includes(result)) errors += count;
        }
        const state = instanceState(counters, range);
        const in_flight = counters.sum(range, ENDPOINT.IN_FLIGHT);
        return {
          address,
          version,
          state,
          requests,
          errors,
          in_flight,
          durations: durationsAt(range, ENDPOINT.DURATION),
        };
      }),
    };
  });
  return { now: view.now(), bounds: LATENCY_BOUNDS, services };
}
