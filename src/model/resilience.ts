import type { Balance } from './balancing.ts';

/*
 * How a service survives instances that fail. Times in milliseconds, shares from 0 to 1, gRPC codes as numbers. An HTTP answer without
 * a gRPC status counts as the code that http-grpc-status-mapping.md gives it.
 */

/** When a request that failed is sent again, beyond the transparent retries that need no policy (gRFC A6). */
export interface RetryPolicy {
  /** Attempts in all, the first included; 2 to 5. */
  readonly attempts: number;
  /** Longest time for all attempts together; null: no other than the request's own. */
  readonly timeout: number | null;
  /** Longest wait for the response headers of one attempt; null: none. One that takes longer is given up and sent elsewhere. */
  readonly perTryTimeout: number | null;
  /** The codes that are worth another attempt. */
  readonly on: readonly number[];
  /** Before the second attempt `base`, twice as long before each further one, never more than `max`; each times 0.8 to 1.2. */
  readonly backoff: { readonly base: number; readonly max: number };
  /** Also requests that are neither gRPC nor of an idempotent method (RFC 9110 section 9.2.2). */
  readonly nonIdempotent: boolean;
}

/** A request that is not answered is sent to a second instance as well, and the first good answer counts (gRFC A6, hedging). */
export interface HedgePolicy {
  /** Attempts in all, the first included; 2 to 5. */
  readonly attempts: number;
  /** Without an answer for this long the next attempt begins. */
  readonly delay: number;
}

/** What may be said for all requests of a service, or for those of one method. */
export interface RequestRules {
  /** Longest time from the request's arrival to the end of its answer; null means only the client's own deadline. */
  readonly timeout: number | null;
  readonly retry: RetryPolicy | null;
  readonly hedge: HedgePolicy | null;
  /** The version for requests that name none, an expression like the header's; null: what the service says. */
  readonly wants: string | null;
  readonly balance: Balance;
}

/** Passive health: which answers make an instance an outlier, and for how long it is left out (gRFC A50). */
export interface OutlierSettings {
  /** Failures in a row after which an instance is left out; null: not looked at. */
  readonly consecutiveFailures: number | null;
  /** Codes in an answer that count as a failure of the instance. Connections that fail and requests that get no answer always count. */
  readonly failureCodes: readonly number[];
  /** How often the rates below are judged, and old sins forgotten. */
  readonly interval: number;
  /** The first time out; the nth lasts n times as long, up to `maxEjection`. */
  readonly baseEjection: number;
  readonly maxEjection: number;
  /** Share of the instances that may be out at once; one always may. */
  readonly maxEjected: number;
  /** Out when the success rate lies `stdev` standard deviations below the mean of all; null: not looked at. */
  readonly successRate: {
    readonly stdev: number;
    readonly minimumHosts: number;
    readonly requestVolume: number;
  } | null;
  /** Out when at least this share of the requests failed; null: not looked at. */
  readonly failurePercentage: {
    readonly threshold: number;
    readonly minimumHosts: number;
    readonly requestVolume: number;
  } | null;
}

/** Why an instance was left out: the `reason` label of `ejections_total`, in the order of the counters. */
export const EJECTION_REASONS = ['consecutive_failures', 'success_rate', 'failure_percentage', 'probe_failed'] as const;
export type EjectionReason = (typeof EJECTION_REASONS)[number];

/** An instance that is new, or back, gets its full share only after a while (gRFC and Envoy call it slow start). */
export interface SlowStart {
  readonly window: number;
  /** Share = max(minimum, (age / window) ^ (1 / aggression)). */
  readonly aggression: number;
  readonly minimum: number;
}

/** How many requests one instance may have at once: a number, or found out from its latency (a gradient). */
export type InstanceConcurrency = number | 'adaptive';

/** gRPC status codes by name, in the order of their numbers (https://grpc.io/docs/guides/status-codes/). */
export const STATUS_NAMES = [
  'ok',
  'cancelled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
] as const;
export type StatusName = (typeof STATUS_NAMES)[number];
