import type { Server, SocketConstructorOpts } from 'node:net';
import { Socket } from 'node:net';

/**
 * What all sockets of this thread read into, one after the other: a buffer per read, as sockets have by default, costs more than copying
 * what is kept of it.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** Who takes what was read into the thread's one buffer; null: nobody, the socket emits `data` as sockets do. */
export type Received = ((buffer: Buffer, length: number) => void) | null;

/** The `onread` option of a socket. */
export function onread(received: Received): Pick<SocketConstructorOpts, 'onread'> {
  if (received === null) return {};
  const callback = (length: number): boolean => {
    received(READ_BUFFER, length);
    return true;
  };
  return { onread: { buffer: READ_BUFFER, callback } };
}

/** What of Node's sockets has no type: the handle of libuv, and the server that counts the socket. */
interface Accepted {
  _handle: { useUserBuffer?: unknown } | null;
  _server: Server | null;
}

/**
 * The same for a connection that was accepted and whose first octets have been read: gives the socket that takes its place, or null where
 * this Node has no such thing. There is an `onread` for sockets that one makes, not for those that a server makes (Node 22 to 26): so
 * another socket is made around the handle, and the server told that it is this one which it counts. `socket` is empty afterwards.
 */
export function readAccepted(socket: Socket, received: NonNullable<Received>): Socket | null {
  const before = socket as unknown as Accepted;
  const { _handle: handle, _server: server } = before;
  if (typeof handle?.useUserBuffer !== 'function' || server === undefined) return null;
  const options: Omit<SocketConstructorOpts, 'handle'> & { readonly handle: object } = { handle, ...onread(received) };
  before._handle = null;
  before._server = null;
  const after = new Socket(options as SocketConstructorOpts);
  (after as unknown as Accepted)._server = server;
  return after;
}
