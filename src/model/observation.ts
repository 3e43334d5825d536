import { NO_GRPC_STATUS } from './counters.ts';

/*
 * What is told of single requests: who wants to hear of which, and what he hears. Plain data, passed between threads.
 */

/** A request that has ended. Times and durations in milliseconds. */
export interface RequestRecord {
  /** When it arrived, in epoch milliseconds. */
  readonly time: number;
  /** Empty when no rule named one. */
  readonly service: string;
  /** The address of the instance that was asked last; null when none was. */
  readonly instance: string | null;
  readonly version: string | null;
  /** The HTTP method. */
  readonly method: string;
  /** Without the query: what stands behind "?" may be secret. */
  readonly path: string;
  /** 0 when there was none: the stream was reset before. 499: the client went away. */
  readonly status: number;
  /** Null for an answer without one. */
  readonly grpcStatus: number | null;
  /** Of an answer of the sidecar's own. */
  readonly reason: string | null;
  /** How often it was sent. */
  readonly attempts: number;
  /** Octets of the request's body and of the answer's. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** From its arrival until the last of the answer was handed to the kernel. */
  readonly duration: number;
  /** The part of the instance that answered. */
  readonly upstream: number;
  /** 32 hexadecimal digits, of `traceparent` or B3; null when it belongs to no trace. */
  readonly traceId: string | null;
  /** The sidecar's span for the request, 16 hexadecimal digits; null unless the sidecar traces it. */
  readonly spanId: string | null;
  /** Where the client connects from; null when that is not known. */
  readonly client: string | null;
  /** It belongs into the access log. */
  readonly logged: boolean;
}

/** One sending of a traced request. */
export interface AttemptSpan {
  readonly spanId: string;
  readonly instance: string;
  readonly version: string | null;
  /** Epoch milliseconds, with fractions. */
  readonly start: number;
  readonly end: number;
  /** As in `UPSTREAM_RESULTS`. */
  readonly result: string;
}

/** A traced request and its attempts. */
export interface TraceRecord {
  readonly request: RequestRecord;
  readonly traceId: string;
  readonly spanId: string;
  /** The caller's span; null when the trace begins here. */
  readonly parentId: string | null;
  /** `tracestate` as it came; null without one. */
  readonly state: string | null;
  readonly attempts: readonly AttemptSpan[];
}

export const ACCESS_LOG_MODES = ['off', 'errors', 'sampled', 'all'] as const;
export type AccessLogMode = (typeof ACCESS_LOG_MODES)[number];

/** Which requests somebody wants to hear of. Judged in the data threads, so that the others cost nothing. */
export interface ObserveSettings {
  readonly log: {
    /** `sampled`: those that did not end well, and a share of the others. */
    readonly mode: AccessLogMode;
    /** From 0 to 1. */
    readonly sample: number;
  };
  /** Those who look at this moment. */
  readonly taps: readonly TapFilter[];
  /** Share of the requests that are traced when nobody before has decided, from 0 to 1; null: nothing is traced. */
  readonly tracing: { readonly sample: number } | null;
}

/** Nobody wants to hear of anything. */
export const OBSERVE_NOTHING: ObserveSettings = { log: { mode: 'off', sample: 0 }, taps: [], tracing: null };

export function observesNothing({ log, taps, tracing }: ObserveSettings): boolean {
  return log.mode === 'off' && taps.length === 0 && tracing === null;
}

/** Null: whatever it is. */
export interface TapFilter {
  readonly service: string | null;
  readonly version: string | null;
  /** An address. */
  readonly instance: string | null;
  /** A path, the beginning of one that ends in "/", or the name of a gRPC method. */
  readonly method: string | null;
  readonly status: StatusFilter | null;
}

/** `class` is the first digit of an HTTP status; `errors` is all that did not end well. */
export type StatusFilter =
  | { readonly kind: 'http' | 'class' | 'grpc'; readonly value: number }
  | { readonly kind: 'errors' };

/** What filters look at. */
export interface Outcome {
  readonly service: string;
  readonly version: string | null;
  readonly instance: string | null;
  readonly path: string;
  readonly status: number;
  /** `NO_GRPC_STATUS` or null when there is none. */
  readonly grpcStatus: number | null;
}

/** A client saw an error: HTTP 400 and above (or no answer at all), or a gRPC status that is not OK. */
export function endedBadly(status: number, grpcStatus: number | null): boolean {
  return status === 0 || status >= 400 || (grpcStatus !== null && grpcStatus !== NO_GRPC_STATUS && grpcStatus !== 0);
}

export function matchesTap(filter: TapFilter, outcome: Outcome): boolean {
  if (filter.service !== null && filter.service !== outcome.service) return false;
  if (filter.version !== null && filter.version !== outcome.version) return false;
  if (filter.instance !== null && filter.instance !== outcome.instance) return false;
  if (filter.status !== null && !matchesStatus(filter.status, outcome.status, outcome.grpcStatus)) return false;
  return filter.method === null || matchesMethod(filter.method, outcome.path);
}

function matchesStatus(filter: StatusFilter, status: number, grpcStatus: number | null): boolean {
  switch (filter.kind) {
    case 'http':
      return status === filter.value;
    case 'class':
      return Math.floor(status / 100) === filter.value;
    case 'grpc':
      return grpcStatus === filter.value;
    case 'errors':
      return endedBadly(status, grpcStatus);
  }
}

function matchesMethod(filter: string, path: string): boolean {
  if (!filter.startsWith('/')) return path.endsWith(filter) && path[path.length - filter.length - 1] === '/';
  return filter.endsWith('/') ? path.startsWith(filter) : path === filter;
}
