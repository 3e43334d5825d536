import { ERROR } from '../../http2/frame/codes.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import { BadAnswer } from './instance_answer.ts';
import type { InstanceSockets } from './instance_sockets.ts';
import { MAX_HEADER_SIZE } from './limits.ts';
import type { Http2Proxy, ProxyError } from './proxy.ts';
import type { Pumped } from './stream_body.ts';

/** What all requests to one instance share. */
export interface InstanceLink {
  readonly proxy: Http2Proxy;
  readonly sockets: InstanceSockets;
  readonly stalled: Set<Pumped>;
  onProtocolError(token: ProtocolErrorToken): void;
  /** No connection to the instance can be had. */
  unreachable(): void;
}

/** A stream of the core, on its way to an instance. */
export interface ProxiedStream {
  onData(buf: Buffer, start: number, end: number, endStream: boolean): void;
  onTrailers(list: HeaderList): void;
  onReset(): void;
}

/** RFC 9110 section 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'CONNECT']);

/**
 * The code that tells the core what became of a request that failed: REFUSED_STREAM when it can go elsewhere, since it has reached nobody,
 * or since its connection ended while it was idle and it may be repeated (RFC 9112 section 9.3.1); CONNECT_ERROR when the connection was
 * lost; PROTOCOL_ERROR when the answer is none.
 */
export function codeOf(error: ProxyError, method: string, answered: boolean, link: InstanceLink): number {
  if (error instanceof BadAnswer || error.code?.startsWith('HPE_')) {
    link.onProtocolError('http1_response_bad');
    return ERROR.PROTOCOL_ERROR;
  }
  if (answered) return ERROR.CONNECT_ERROR;
  if (error.connectedSocket === false) {
    link.unreachable();
    return ERROR.REFUSED_STREAM;
  }
  return error.reusedSocket === true && IDEMPOTENT.has(method) ? ERROR.REFUSED_STREAM : ERROR.CONNECT_ERROR;
}

/** What every request to an instance is made with. */
export function requestOptions(link: InstanceLink, { path }: MessageHead, method: string, headers: readonly string[]) {
  return {
    agent: link.sockets.agent,
    method,
    path,
    headers,
    setHost: false,
    insecureHTTPParser: false,
    maxHeaderSize: MAX_HEADER_SIZE,
  };
}
