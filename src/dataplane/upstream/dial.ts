import { connect, Socket } from 'node:net';
import type { ConnectResult } from '../../model/counters.ts';
import type { Target } from '../../model/instance.ts';
import { onread, type Received } from '../read_buffer.ts';

/** How long a TCP connection and the first SETTINGS may take, in milliseconds (gRPC's MIN_CONNECT_TIMEOUT is 20 s; a LAN needs far less). */
export const CONNECT_TIMEOUT = 5_000;
/** TCP keepalive: finds a half-dead connection that carries no traffic. */
export const TCP_KEEPALIVE = 30_000;

/** Starts a TCP or unix-socket connection to an instance. Errors come as the socket's events. */
export function dial(target: Target, received: Received): Socket {
  const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE };
  try {
    // A name may have several addresses: whichever answers first (RFC 8305). It is Node's default, which a flag could take away.
    return connect({ ...target, ...options, autoSelectFamily: true, ...onread(received) });
  } catch (error) {
    // Node throws for what can be no address; no record of a registry may end a data thread.
    return new Socket().destroy(error as Error);
  }
}

/** How every answer in HTTP/1 begins (RFC 9112 section 4). */
const HTTP1 = 'HTTP/';

/** What an instance speaks that answers the HTTP/2 preface with something else; null when that cannot be told. */
export function foreignAnswer(first: Buffer, length: number): string | null {
  // A TLS alert (RFC 8446 sections 5.1 and 6).
  if (length >= 3 && first[0] === 21 && first[1] === 3) return 'it speaks TLS: give the service "tls"';
  // No frame of a length that we allow begins with a letter: so a part of the word will do, and what a server that takes the preface for
  // HTTP/0.9 says: a page and no status line (Python's http.server).
  const text = first.toString('latin1', 0, Math.min(length, HTTP1.length));
  const isHttp1 = text !== '' && (HTTP1.startsWith(text) || text.startsWith('<'));
  return isHttp1 ? 'it answers in HTTP/1: give the service "protocol: http/1.1"' : null;
}

/** The `result` label of a failed connection attempt. */
export function connectFailure(error: NodeJS.ErrnoException): ConnectResult {
  if (error.code === 'ECONNREFUSED') return 'refused';
  if (error.code === 'ETIMEDOUT') return 'timeout';
  return 'error';
}
