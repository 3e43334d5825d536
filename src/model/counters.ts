/**
 * The layout of the counters that both planes share.
 *
 * Every data thread owns a list of segments (`Float64Array`s over `SharedArrayBuffer`s) and is their only writer; the control
 * plane reads them when somebody looks. The control plane hands out ranges: the same range means the same thing in the
 * segments of every thread, so a total is a sum over threads at one index. A range never straddles two segments.
 */

/** Slots (8 bytes each) of one segment. */
export const SEGMENT_SLOTS = 16_384;

/** Where a range stands: which segment, and the first slot in it. */
export interface Range {
  readonly segment: number;
  readonly offset: number;
}

/** Of what counts nowhere: an instance that this sidecar does not connect to, a service before its counters come. */
export const NO_RANGE: Range = { segment: -1, offset: 0 };

/** A range as a data thread uses it: `view[base + SLOT] += 1`. */
export interface Block {
  readonly view: Float64Array;
  readonly base: number;
}

/** Upper bounds of the latency histograms in seconds; one more bucket counts what lies above the last. */
export const LATENCY_BOUNDS = [
  0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

/** A histogram: a count per bucket (not cumulative), the overflow bucket, then the sum in seconds. */
export const HISTOGRAM_SLOTS = LATENCY_BOUNDS.length + 2;

/** Adds one observation, in seconds, to the histogram that starts at `at`. */
export function observe(view: Float64Array, at: number, seconds: number): void {
  let bucket = 0;
  while (bucket < LATENCY_BOUNDS.length && seconds > (LATENCY_BOUNDS[bucket] as number)) bucket++;
  view[at + bucket] = (view[at + bucket] as number) + 1;
  const sum = at + LATENCY_BOUNDS.length + 1;
  view[sum] = (view[sum] as number) + seconds;
}

/** Adds `n` to one slot. */
export function add(block: Block, slot: number, n: number): void {
  const at = block.base + slot;
  block.view[at] = (block.view[at] as number) + n;
}

/** What ended the attempt before a retry: the `reason` label of `retries_total`. `hedge`: nothing did, it only took long. */
export const RETRY_REASONS = [
  'upstream_reset',
  'upstream_closed',
  'connect_failed',
  'per_try_timeout',
  'status',
  'hedge',
] as const;
export type RetryReason = (typeof RETRY_REASONS)[number];

/**
 * Per service. `REJECTED` holds one slot for each reason, in the order of `REASON_NAMES`; `RETRIES` one for each of `RETRY_REASONS`,
 * `EJECTIONS` one for each of `EJECTION_REASONS`.
 */
export const SERVICE = {
  IN_FLIGHT: 0,
  PENDING: 1,
  REJECTED: 2,
  RETRIES: 2 + 16,
  DURATION: 2 + 32,
  OVERHEAD: 2 + 32 + HISTOGRAM_SLOTS,
  EJECTIONS: 2 + 32 + 2 * HISTOGRAM_SLOTS,
  /** Retries that a policy asked for and the budget did not allow. */
  RETRIES_DENIED: 2 + 32 + 2 * HISTOGRAM_SLOTS + 8,
  /** Picks for which round robin took the place of a policy of the user's own, and times that one could not be loaded. */
  POLICY_FAULTS: 2 + 32 + 2 * HISTOGRAM_SLOTS + 9,
  SLOTS: 2 + 32 + 2 * HISTOGRAM_SLOTS + 10,
} as const;

/** HTTP status classes 1xx to 5xx; index is class - 1. */
export const CODE_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
/** gRPC codes 0 to 16, and one slot for answers without `grpc-status`. */
export const GRPC_STATUSES = 18;
export const NO_GRPC_STATUS = 17;

/** Per service and version (the empty version holds what was answered without an instance, or by one without a version): requests by code class and gRPC status. */
export const VERSION = {
  REQUESTS: 0,
  SLOTS: CODE_CLASSES.length * GRPC_STATUSES,
} as const;

/** States of an instance inside one data thread, as numbers in shared memory. 0 means the thread has not seen it yet. */
export const ENDPOINT_STATES = [
  'unknown',
  'connecting',
  'ready',
  'backoff',
  'unhealthy',
  'ejected',
  'draining',
] as const;
export type EndpointState = (typeof ENDPOINT_STATES)[number];

/** How an upstream request or a dial ended: the `result` labels. */
export const UPSTREAM_RESULTS = ['ok', 'error', 'reset', 'closed', 'canceled', 'deadline'] as const;
export type UpstreamResult = (typeof UPSTREAM_RESULTS)[number];
export const CONNECT_RESULTS = ['ok', 'refused', 'timeout', 'error'] as const;
export type ConnectResult = (typeof CONNECT_RESULTS)[number];
/** States of one upstream connection: the `state` label of `upstream_connections`. */
export const CONNECTION_STATES = ['connecting', 'ready', 'draining'] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/** Per service and instance. */
export const ENDPOINT = {
  STATE: 0,
  IN_FLIGHT: 1,
  /** One slot per `UPSTREAM_RESULTS`. */
  REQUESTS: 2,
  /** One slot per `CONNECT_RESULTS`. */
  CONNECTS: 2 + 8,
  /** One slot per `CONNECTION_STATES`. */
  CONNECTIONS: 2 + 8 + 4,
  DURATION: 2 + 8 + 4 + 4,
  SLOTS: 2 + 8 + 4 + 4 + HISTOGRAM_SLOTS,
} as const;

/** Per data thread: always the first range of the first segment. `PROTOCOL_ERRORS` has one slot per token, downstream then upstream. */
export const THREAD = {
  /** Downstream connections open now. */
  CONNECTIONS: 0,
  /** Requests answered without a service (`no_route`). */
  UNROUTED: 1,
  PROTOCOL_ERRORS: 2,
  /** Room for tokens, per side; a test holds the token table below it. */
  PROTOCOL_ERROR_TOKENS: 127,
  /** One slot per `TLS_FAILURES`, downstream then upstream. */
  TLS_FAILURES: 2 + 2 * 127,
  /** Room for reasons, per side; a test holds the table below it. */
  TLS_FAILURE_REASONS: 16,
  SLOTS: 2 + 2 * 127 + 2 * 16,
} as const;

/** Where every data thread finds the range of the thread itself. */
export const THREAD_RANGE: Range = { segment: 0, offset: 0 };
