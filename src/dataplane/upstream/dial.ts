import { connect, Socket } from 'node:net';
import type { ConnectResult } from '../../model/counters.ts';
import type { Target } from '../../model/instance.ts';

/** How long a TCP connection and the first SETTINGS may take, in milliseconds (gRPC's MIN_CONNECT_TIMEOUT is 20 s; a LAN needs far less). */
export const CONNECT_TIMEOUT = 5_000;
/** TCP keepalive: finds a half-dead connection that carries no traffic. */
const TCP_KEEPALIVE = 30_000;

/**
 * What all sockets of this thread read into, one after the other: a buffer per read, as sockets have by default, costs more than copying
 * what is kept of it.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** Starts a TCP or unix-socket connection to an instance. Errors come as the socket's events. */
export function dial(target: Target, received: (buffer: Buffer, length: number) => void): Socket {
  const callback = (length: number): boolean => {
    received(READ_BUFFER, length);
    return true;
  };
  const onread = { buffer: READ_BUFFER, callback };
  try {
    return connect({ ...target, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE, onread });
  } catch (error) {
    // Node throws for what can be no address; no record of a registry may end a data thread.
    return new Socket().destroy(error as Error);
  }
}

/** The `result` label of a failed connection attempt. */
export function connectFailure(error: NodeJS.ErrnoException): ConnectResult {
  if (error.code === 'ECONNREFUSED') return 'refused';
  if (error.code === 'ETIMEDOUT') return 'timeout';
  return 'error';
}
