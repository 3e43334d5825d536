import { ERROR } from '../http2/frame/codes.ts';

/** gRPC status codes, https://grpc.io/docs/guides/status-codes/. */
const STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** gRPC over HTTP/2, "HTTP2 Transport Mapping", Errors: what a RST_STREAM means to a gRPC caller. */
export function statusFromReset(code: number): number {
  switch (code) {
    case ERROR.REFUSED_STREAM:
      return STATUS.UNAVAILABLE;
    case ERROR.CANCEL:
      return STATUS.CANCELLED;
    case ERROR.ENHANCE_YOUR_CALM:
      return STATUS.RESOURCE_EXHAUSTED;
    case ERROR.INADEQUATE_SECURITY:
      return STATUS.PERMISSION_DENIED;
    default:
      return STATUS.INTERNAL;
  }
}

/** http-grpc-status-mapping.md: only for answers that carry no `grpc-status`. */
export function statusFromHttp(status: number): number {
  switch (status) {
    case 400:
    case 431:
      return STATUS.INTERNAL;
    case 401:
      return STATUS.UNAUTHENTICATED;
    case 403:
      return STATUS.PERMISSION_DENIED;
    case 404:
      return STATUS.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return STATUS.UNAVAILABLE;
    default:
      return STATUS.UNKNOWN;
  }
}

/** The value of a `grpc-status` header; -1 when it is no code from 0 to 16. */
export function parseStatus(value: string): number {
  const code = /^\d{1,2}$/.test(value) ? Number(value) : -1;
  return code <= STATUS.UNAUTHENTICATED ? code : -1;
}
