import { REASONS, type Reason } from '../../base/errors.ts';
import { encodeMessage } from '../../grpc/message.ts';
import { ERROR } from '../../http2/frame/codes.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { NO_GRPC_STATUS } from '../../model/counters.ts';

/** An answer of the sidecar's own: headers, and a body unless it is a gRPC one. */
export interface LocalReply {
  readonly headers: HeaderList;
  readonly body: Buffer | null;
  readonly httpStatus: number;
  /** 0 to 16; null for an answer that is not gRPC. */
  readonly grpcStatus: number | null;
}

/** The error answer for `reason`: trailers-only to a gRPC request, a status and a text otherwise; both carry `x-outrigger-reason`. */
export function localReply(
  reason: Reason,
  message: string,
  isGrpc: boolean,
  isHead: boolean,
  grpcStatus: number = REASONS[reason].grpc,
): LocalReply {
  if (isGrpc) {
    const fields = [':status', '200', 'content-type', 'application/grpc', 'grpc-status', String(grpcStatus)];
    fields.push('grpc-message', encodeMessage(message), 'x-outrigger-reason', reason);
    return { headers: new HeaderList(fields), body: null, httpStatus: 200, grpcStatus };
  }
  const body = Buffer.from(`${message}\n`, 'utf8');
  const status = REASONS[reason].http;
  const fields = [':status', String(status), 'content-type', 'text/plain; charset=utf-8'];
  fields.push('content-length', String(body.length), 'x-outrigger-reason', reason);
  return { headers: new HeaderList(fields), body: isHead ? null : body, httpStatus: status, grpcStatus: null };
}

/** Ends a gRPC response that had begun, when its instance is lost: clients see this status rather than a bare reset. */
function localTrailers(reason: Reason, message: string): HeaderList {
  const status = String(REASONS[reason].grpc);
  return new HeaderList(['grpc-status', status, 'grpc-message', encodeMessage(message), 'x-outrigger-reason', reason]);
}

/** Sends an answer of the sidecar's own on a stream that has had no response headers. */
export function sendReply(down: Stream, { headers, body }: LocalReply, requestEnded: boolean): void {
  const connection = down.connection;
  connection.headers(down, headers, body === null);
  if (body !== null) connection.data(down, body, 0, body.length, true, null);
  if (!requestEnded) connection.stopReceiving(down);
}

/**
 * Ends a response that has begun: with the status of `reason` for a gRPC caller, else with a reset. Gives the gRPC status, or
 * `NO_GRPC_STATUS`.
 */
export function breakOff(
  down: Stream,
  { isGrpc }: { readonly isGrpc: boolean },
  requestEnded: boolean,
  reason: Reason,
  message: string,
): number {
  const connection = down.connection;
  if (!isGrpc) {
    connection.reset(down, ERROR.INTERNAL_ERROR);
    return NO_GRPC_STATUS;
  }
  connection.trailers(down, localTrailers(reason, message));
  if (!requestEnded) connection.stopReceiving(down);
  return REASONS[reason].grpc;
}
