import { ENDPOINT, UPSTREAM_RESULTS, type UpstreamResult } from '../model/counters.ts';
import type { EndpointRecord } from '../model/snapshot.ts';
import { type InstanceState, instanceState } from '../observe/endpoint_state.ts';
import type { CounterReader } from '../observe/metrics_view.ts';
import type { AdminView } from './admin_view.ts';

/** One element of `GET /services`. The names are a promise to scripts. */
export interface ServiceJson {
  readonly name: string;
  readonly registry: string;
  readonly path: string;
  readonly format: string;
  readonly balance: string;
  /** null until the registry has answered once. */
  readonly updated_ms_ago: number | null;
  readonly stale: boolean;
  readonly instances: readonly InstanceJson[];
}

export interface InstanceJson {
  readonly id: string;
  readonly address: string;
  readonly version: string | null;
  readonly weight: number;
  readonly zone: string | null;
  readonly state: InstanceState;
  /** Why its health check fails, or why it cannot be connected to; null when there is nothing to say. */
  readonly reason: string | null;
  readonly in_flight: number;
  /** Requests sent to the instance that have ended, retries included. */
  readonly requests: number;
  /** Those of them that it, or the connection to it, failed. A client that gave up is not counted. */
  readonly failures: number;
}

/** What of an attempt is the instance's failure, or of the connection to it. */
export const INSTANCE_FAILURES: readonly UpstreamResult[] = ['error', 'reset', 'closed', 'deadline'];

/** What `GET /services` shows. Reads the shared counters, changes nothing. */
export function describeServices(view: AdminView): ServiceJson[] {
  const now = view.now();
  return Array.from(
    view.services(),
    ({ name, registry, path, format, balance, updatedAt, stale, instances, errorOf }) => ({
      name,
      registry,
      path,
      format,
      balance,
      updated_ms_ago: updatedAt > 0 ? Math.max(0, now - updatedAt) : null,
      stale,
      instances: Array.from(instances, (instance) =>
        describeInstance(instance, errorOf?.(instance.address) ?? null, view.counters),
      ),
    }),
  );
}

function describeInstance(instance: EndpointRecord, error: string | null, counters: CounterReader): InstanceJson {
  const { id, address, version, weight, zone, unhealthyReason: reason = error, counters: range } = instance;
  let requests = 0;
  let failures = 0;
  for (const [index, result] of UPSTREAM_RESULTS.entries()) {
    const count = counters.sum(range, ENDPOINT.REQUESTS + index);
    requests += count;
    if (INSTANCE_FAILURES.includes(result)) failures += count;
  }
  const state = instanceState(counters, range);
  const in_flight = counters.sum(range, ENDPOINT.IN_FLIGHT);
  return { id, address, version, weight, zone, state, reason, in_flight, requests, failures };
}
