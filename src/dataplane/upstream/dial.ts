import { connect, type Socket } from 'node:net';
import type { ConnectResult } from '../../model/counters.ts';
import type { Target } from '../../model/instance.ts';

/** How long a TCP connection and the first SETTINGS may take, in milliseconds (gRPC's MIN_CONNECT_TIMEOUT is 20 s; a LAN needs far less). */
export const CONNECT_TIMEOUT = 5_000;
/** TCP keepalive: finds a half-dead connection that carries no traffic. */
const TCP_KEEPALIVE = 30_000;

/** Starts a TCP or unix-socket connection to an instance. Errors come as the socket's events. */
export function dial(target: Target): Socket {
  const socket = connect({ ...target, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE });
  return socket;
}

/** The `result` label of a failed connection attempt. */
export function connectFailure(error: NodeJS.ErrnoException): ConnectResult {
  if (error.code === 'ECONNREFUSED') return 'refused';
  if (error.code === 'ETIMEDOUT') return 'timeout';
  return 'error';
}
