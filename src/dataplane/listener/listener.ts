import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../base/clock.ts';
import { PREFACE } from '../../http2/frame/codes.ts';
import type { ForwardingContext } from '../forwarding/context.ts';
import { Downstream, type DownstreamEvents } from './downstream.ts';

/** Connections per listener; one app needs a handful. Beyond it new ones are closed at once. */
const MAX_CONNECTIONS = 10_000;
/**
 * How long a new connection may take to show that it speaks HTTP/2 (the preface and SETTINGS, whole), in milliseconds. One that
 * never does would hold a descriptor for ever.
 */
const PREFACE_TIMEOUT = 10_000;
const NOT_HTTP2 =
  'This port speaks HTTP/2 with prior knowledge (gRPC does). HTTP/1.1 is not served here: use an HTTP/2 client, for example curl --http2-prior-knowledge.\n';
const HTTP1_REPLY = Buffer.from(
  `HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${NOT_HTTP2.length}\r\n\r\n${NOT_HTTP2}`,
);

/** One address that apps connect to. */
export class Listener implements DownstreamEvents {
  readonly #context: ForwardingContext;
  readonly #server: Server;
  readonly #onProtocolError: DownstreamEvents['onProtocolError'];
  readonly #onCount: (delta: number) => void;
  readonly #clock: Pick<Clock, 'after'>;
  /** Sockets that have not said anything yet. */
  readonly #sniffing = new Set<Socket>();
  /** Connections whose SETTINGS have not come, and what ends their time limit. */
  readonly #unready = new Map<Downstream, { readonly socket: Socket; readonly cancel: () => void }>();
  /** All connections, ready or not. */
  readonly #connections = new Set<Downstream>();
  #onEmpty: (() => void) | null = null;

  constructor(
    context: ForwardingContext,
    events: { onProtocolError: DownstreamEvents['onProtocolError']; onCount: (delta: number) => void },
    clock: Pick<Clock, 'after'> = systemClock,
  ) {
    this.#context = context;
    this.#clock = clock;
    this.#onProtocolError = events.onProtocolError;
    this.#onCount = events.onCount;
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }, (socket) =>
      this.#accept(socket),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    // Errors after listening (out of descriptors) concern one connection attempt; the listener goes on.
    this.#server.on('error', () => {});
  }

  /** Starts to listen on `host:port` or `unix:/path` and resolves to the address in use; rejects with Node's error. */
  async listen(address: string, reusePort: boolean): Promise<string> {
    const server = this.#server;
    const path = address.startsWith('unix:') ? address.slice(5) : null;
    if (path !== null) await removeStaleSocket(path);
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
    const options = path !== null ? { path } : { host, port: Number(address.slice(colon + 1)), reusePort };
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    const bound = server.address();
    if (bound === null || typeof bound === 'string') return address;
    return bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`;
  }

  /** Accepts nothing more and lets every connection finish; resolves when the last one is closed. */
  drain(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sniffing) socket.destroy();
    // They carry no request, and might never answer the PING that ends a connection in order.
    for (const { socket } of this.#unready.values()) socket.destroy();
    for (const connection of this.#connections) if (!this.#unready.has(connection)) connection.http2.shutdown();
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Closes what is still open. */
  destroy(reason: string): void {
    this.#server.close();
    for (const connection of [...this.#connections]) connection.shutDown(reason);
  }

  onProtocolError: DownstreamEvents['onProtocolError'] = (token) => this.#onProtocolError(token);

  onReady(connection: Downstream): void {
    this.#unready.get(connection)?.cancel();
    this.#unready.delete(connection);
  }

  onClosed(connection: Downstream): void {
    this.onReady(connection);
    if (!this.#connections.delete(connection)) return;
    this.#onCount(-1);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** Waits for the first octets, which tell the protocol. */
  #accept(socket: Socket): void {
    this.#sniffing.add(socket);
    // One time limit for all that comes before the first SETTINGS, however slowly it drips.
    let onTimeout = (): void => void socket.destroy();
    const cancel = this.#clock.after(PREFACE_TIMEOUT, () => onTimeout());
    const ignore = (): void => {};
    const onClosed = (): void => {
      cancel();
      this.#sniffing.delete(socket);
    };
    socket.on('error', ignore);
    socket.once('close', onClosed);
    socket.once('data', (chunk: Buffer) => {
      this.#sniffing.delete(socket);
      // A request line of HTTP/1.1 differs from the preface ("PRI * ...") within its first octets; a shorter chunk cannot tell yet,
      // and the engine goes on checking.
      if (chunk[0] !== PREFACE[0] || (chunk.length > 1 && chunk[1] !== PREFACE[1])) {
        if (looksLikeHttp1(chunk)) {
          socket.end(HTTP1_REPLY);
          socket.once('finish', () => socket.destroy());
          return;
        }
      }
      socket.removeListener('close', onClosed);
      const connection = new Downstream(socket, this.#context, this);
      onTimeout = (): void => connection.http2.destroy('no HTTP/2 SETTINGS in time');
      this.#unready.set(connection, { socket, cancel });
      this.#connections.add(connection);
      this.#onCount(1);
      socket.removeListener('error', ignore);
      connection.http2.receive(chunk);
    });
  }
}

function looksLikeHttp1(chunk: Buffer): boolean {
  return /^(?:CONNECT \S|[A-Z]{3,20} (?:[/*]|https?:\/\/))/.test(chunk.toString('latin1', 0, 32));
}

/** Removes a socket file that nobody listens on any more: it stands in the way of a restart. Rejects when another kind of file is there. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return;
  // Connecting to a file of another kind is refused, too.
  if (!found.isSocket()) throw Object.assign(new Error('the file there is not a socket'), { code: 'ENOTSOCK' });
  const inUse = await new Promise<boolean>((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
  if (!inUse) await unlink(path);
}
