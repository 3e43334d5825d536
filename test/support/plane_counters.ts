import { REASON_NAMES, type Reason } from '../../src/base/errors.ts';
import type { CounterArena } from '../../src/control/counters.ts';
import {
  CODE_CLASSES,
  CONNECT_RESULTS,
  type ConnectResult,
  ENDPOINT,
  GRPC_STATUSES,
  NO_GRPC_STATUS,
  type Range,
  RETRY_REASONS,
  type RetryReason,
  SERVICE,
  UPSTREAM_RESULTS,
  type UpstreamResult,
  VERSION,
} from '../../src/model/counters.ts';
import { EJECTION_REASONS, type EjectionReason } from '../../src/model/resilience.ts';
import type { VersionRanges } from '../../src/model/snapshot.ts';

/** The counters of one service: where they stand, as the control plane would keep it, and what they say. */
export class PlaneCounters {
  readonly range: Range;
  readonly #arena: CounterArena;
  readonly #versions = new Map<string, Range>();
  #endpoints = new Map<string, Range>();
  /** Of instances that left, too: what they count must come to rest. */
  readonly #everyEndpoint: Range[] = [];

  constructor(arena: CounterArena) {
    this.#arena = arena;
    this.range = arena.allocate(SERVICE.SLOTS);
    this.#versions.set('', arena.allocate(VERSION.SLOTS));
  }

  get versions(): VersionRanges {
    return Object.fromEntries(this.#versions);
  }

  /** Forgets instances that are not among `addresses`: one that comes back counts elsewhere. */
  keepOnly(addresses: readonly string[]): void {
    this.#endpoints = new Map([...this.#endpoints].filter(([address]) => addresses.includes(address)));
  }

  ofVersion(version: string): Range {
    return obtain(this.#versions, version, () => this.#arena.allocate(VERSION.SLOTS));
  }

  ofEndpoint(address: string): Range {
    return obtain(this.#endpoints, address, () => {
      const range = this.#arena.allocate(ENDPOINT.SLOTS);
      this.#everyEndpoint.push(range);
      return range;
    });
  }

  get inFlight(): number {
    return this.#arena.sum(this.range, SERVICE.IN_FLIGHT);
  }

  /** Times that round robin took the place of a policy of the user's own. */
  get policyFaults(): number {
    return this.#arena.sum(this.range, SERVICE.POLICY_FAULTS);
  }

  get pending(): number {
    return this.#arena.sum(this.range, SERVICE.PENDING);
  }

  /** Requests in flight to any instance that there ever was. */
  get upstreamInFlight(): number {
    return this.#everyEndpoint.reduce((sum, range) => sum + this.#arena.sum(range, ENDPOINT.IN_FLIGHT), 0);
  }

  rejected(reason: Reason): number {
    return this.#arena.sum(this.range, SERVICE.REJECTED + REASON_NAMES.indexOf(reason));
  }

  /** Requests that were sent again, or to somebody else as well; for all reasons together, or for one. */
  get retries(): number {
    return RETRY_REASONS.reduce((sum, reason) => sum + this.retriesBecause(reason), 0);
  }

  retriesBecause(reason: RetryReason): number {
    return this.#arena.sum(this.range, SERVICE.RETRIES + RETRY_REASONS.indexOf(reason));
  }

  /** Retries that the budget did not allow. */
  get retriesDenied(): number {
    return this.#arena.sum(this.range, SERVICE.RETRIES_DENIED);
  }

  /** How often an instance was left out. */
  ejections(reason: EjectionReason): number {
    return this.#arena.sum(this.range, SERVICE.EJECTIONS + EJECTION_REASONS.indexOf(reason));
  }

  /** `{ '2xx 0': 3, '4xx -': 1 }`: ended requests by code class and gRPC status (`-` without one), over all versions. */
  get requests(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const range of this.#versions.values()) {
      for (let slot = 0; slot < VERSION.SLOTS; slot++) {
        const count = this.#arena.sum(range, VERSION.REQUESTS + slot);
        if (count === 0) continue;
        const status = slot % GRPC_STATUSES;
        const name = `${CODE_CLASSES[Math.floor(slot / GRPC_STATUSES)]} ${status === NO_GRPC_STATUS ? '-' : status}`;
        counts[name] = (counts[name] ?? 0) + count;
      }
    }
    return counts;
  }

  /** `{ ok: 3, reset: 1 }`: how the attempts at an instance ended. */
  attempts(address: string): Partial<Record<UpstreamResult, number>> {
    return this.#results(address, ENDPOINT.REQUESTS, UPSTREAM_RESULTS);
  }

  /** `{ ok: 1 }`: how the dials of an instance ended. */
  connects(address: string): Partial<Record<ConnectResult, number>> {
    return this.#results(address, ENDPOINT.CONNECTS, CONNECT_RESULTS);
  }

  #results<R extends string>(address: string, from: number, names: readonly R[]): Partial<Record<R, number>> {
    const counts: Partial<Record<R, number>> = {};
    for (const [index, name] of names.entries()) {
      const count = this.#arena.sum(this.ofEndpoint(address), from + index);
      if (count > 0) counts[name] = count;
    }
    return counts;
  }
}

function obtain(map: Map<string, Range>, key: string, make: () => Range): Range {
  const range = map.get(key) ?? make();
  map.set(key, range);
  return range;
}
