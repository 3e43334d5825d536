/**
 * Every way a request can fail inside the sidecar: the `x-outrigger-reason` header, the `reason` metric label and
 * the key of this table are the same word. gRPC codes: https://grpc.io/docs/guides/status-codes/.
 */
export const REASONS = {
  no_route: { grpc: 12, http: 404 },
  no_instance: { grpc: 14, http: 503 },
  no_version: { grpc: 14, http: 503 },
  no_healthy: { grpc: 14, http: 503 },
  connect_failed: { grpc: 14, http: 503 },
  upstream_closed: { grpc: 14, http: 502 },
  /** The gRPC code comes from the HTTP/2 error code (`grpc/status.ts`); 13 is what most codes map to. */
  upstream_reset: { grpc: 13, http: 502 },
  overloaded: { grpc: 14, http: 503 },
  deadline: { grpc: 4, http: 504 },
  shutting_down: { grpc: 14, http: 503 },
  /** gRPC's PERMISSION_DENIED: the caller is known, and may not. */
  not_allowed: { grpc: 7, http: 403 },
  /** What the request needs, the service's protocol cannot carry: gRPC in HTTP/1.1, a WebSocket in HTTP/2. */
  protocol_mismatch: { grpc: 12, http: 501 },
} as const;

export type Reason = keyof typeof REASONS;

/** The reasons in a fixed order: the index of a reason is its slot in the shared counters. */
export const REASON_NAMES = Object.keys(REASONS) as readonly Reason[];

/**
 * What went wrong on the control side (config, registries, start-up). `code` is stable and greppable, `message` says what and
 * where, `hint` says what the reader can do about it.
 */
export class OutriggerError extends Error {
  readonly code: string;
  readonly hint: string | null;

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OutriggerError';
    this.code = code;
    this.hint = options.hint ?? null;
  }
}

/** The shortest honest text for anything that was thrown. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0]);
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
