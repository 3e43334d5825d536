import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '../../base/clock.ts';
import { ERROR } from '../../http2/frame/codes.ts';
import { DOWNSTREAM_LIMITS, type Limits, MAX_CONNECTIONS } from '../../http2/limits.ts';
import type { ClientLimits } from '../../model/client_limits.ts';
import type { InboundRules } from '../../model/tls.ts';
import type { ForwardingContext } from '../forwarding/context.ts';
import { Http1Server } from '../http1/http1_server.ts';
import { Downstream, type DownstreamEvents, sourceOf } from './downstream.ts';
import { InboundGate } from './inbound_gate.ts';
import { sniff } from './sniff.ts';
import type { TlsAccept, TlsAcceptEvents } from './tls_accept.ts';

const DEFAULT_CLIENT_LIMITS: ClientLimits = {
  connections: MAX_CONNECTIONS,
  headerTimeout: DOWNSTREAM_LIMITS.frameTimeout,
  idleTimeout: DOWNSTREAM_LIMITS.idleTimeout,
  stallTimeout: DOWNSTREAM_LIMITS.stallTimeout,
};

/** What a listener that speaks TLS has besides. */
export interface SecureEntry {
  readonly accept: TlsAccept;
  readonly inbound: InboundRules | null;
  readonly failed: TlsAcceptEvents['failed'];
}

/** One address that apps connect to. */
export class Listener implements DownstreamEvents {
  readonly #context: ForwardingContext;
  readonly #server: Server;
  readonly #onProtocolError: DownstreamEvents['onProtocolError'];
  readonly #onCount: (delta: number) => void;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #limits: Limits;
  /**
   * How long a new connection may take to show that it speaks HTTP/2 (the preface and SETTINGS, whole), in milliseconds. One that never
   * does would hold a descriptor for ever.
   */
  readonly #headerTimeout: number;
  /** Sockets that have not said anything yet. */
  readonly #sniffing = new Set<Socket>();
  /** Connections whose SETTINGS have not come, and what ends their time limit. */
  readonly #unready = new Map<Downstream, { readonly socket: Socket; readonly cancel: () => void }>();
  /** All connections, ready or not. */
  readonly #connections = new Set<Downstream>();
  #onEmpty: (() => void) | null = null;
  readonly #secure: SecureEntry | null;
  #draining = false;
  /** Made when the first connection speaks HTTP/1.1. */
  #http1: Http1Server | null = null;

  constructor(
    context: ForwardingContext,
    events: { onProtocolError: DownstreamEvents['onProtocolError']; onCount: (delta: number) => void },
    clock: Pick<Clock, 'after'> = systemClock,
    clients: ClientLimits = DEFAULT_CLIENT_LIMITS,
    secure: SecureEntry | null = null,
  ) {
    this.#context = context;
    const { headerTimeout: frameTimeout, idleTimeout, stallTimeout } = clients;
    this.#limits = { ...DOWNSTREAM_LIMITS, frameTimeout, idleTimeout, stallTimeout };
    this.#headerTimeout = frameTimeout;
    this.#clock = clock;
    this.#onProtocolError = events.onProtocolError;
    this.#onCount = events.onCount;
    this.#secure = secure;
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };
    this.#server =
      secure === null
        ? createServer(options, (socket) => this.#accept(socket))
        : secure.accept.createServer(options, clock, this.#tlsEvents(secure));
    this.#server.maxConnections = clients.connections;
    this.#server.on('drop', () => this.#onProtocolError('connections_beyond_limit'));
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
    this.#draining = true;
    this.#server.close();
    this.#secure?.accept.destroySilent();
    for (const socket of this.#sniffing) socket.destroy();
    // They carry no request, and might never answer the PING that ends a connection in order.
    for (const { socket } of this.#unready.values()) socket.destroy();
    for (const connection of this.#connections) if (!this.#unready.has(connection)) connection.http2.shutdown();
    const http1 = this.#http1?.drained() ?? Promise.resolve();
    if (this.#connections.size === 0) return http1;
    return new Promise((resolve) => {
      this.#onEmpty = () => resolve(http1);
    });
  }

  /** Keeps the time limits of all connections; to be called every `SWEEP_INTERVAL`. `now` in monotonic milliseconds. */
  sweep(now: number): void {
    for (const connection of this.#connections) connection.http2.sweep(now);
  }

  /** Closes what is still open. */
  destroy(reason: string): void {
    this.#server.close();
    for (const connection of [...this.#connections]) connection.shutDown(reason);
    this.#http1?.destroy();
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

  /** TLS is done: ALPN has told the protocol, or the first octets will. */
  #tlsEvents({ inbound, failed }: SecureEntry): TlsAcceptEvents {
    return {
      accepted: (socket, protocol, peer) => {
        if (this.#draining) return void socket.destroy();
        if (protocol === 'unknown') return this.#accept(socket);
        this.#serve(socket, inbound === null ? null : new InboundGate(inbound, peer));
      },
      failed,
    };
  }

  /** A connection that is known to be HTTP/2; its SETTINGS are still to come. */
  #serve(socket: Socket, inbound: InboundGate | null): void {
    const connection = new Downstream(socket, this.#context, this, this.#limits, inbound);
    const cancel = this.#clock.after(this.#headerTimeout, () =>
      connection.http2.fail(ERROR.SETTINGS_TIMEOUT, 'settings_timeout'),
    );
    this.#unready.set(connection, { socket, cancel });
    this.#connections.add(connection);
    this.#onCount(1);
  }

  /** Waits for the first octets, which tell the protocol. */
  #accept(socket: Socket): void {
    this.#sniffing.add(socket);
    // One time limit for all that comes before the first SETTINGS, however slowly it drips.
    let onTimeout = (): void => {
      this.#onProtocolError('settings_timeout');
      socket.destroy();
    };
    const cancel = this.#clock.after(this.#headerTimeout, () => onTimeout());
    const ignore = (): void => {};
    const onClosed = (): void => {
      cancel();
      this.#sniffing.delete(socket);
    };
    socket.on('error', ignore);
    socket.once('close', onClosed);
    const onData = (chunk: Buffer): void => {
      first = first === null ? chunk : Buffer.concat([first, chunk]);
      const protocol = sniff(first);
      if (protocol === null) return;
      socket.removeListener('data', onData);
      this.#sniffing.delete(socket);
      socket.removeListener('close', onClosed);
      if (protocol === 'http/1.1') {
        cancel();
        return this.serveHttp1(socket, first);
      }
      const connection = new Downstream(socket, this.#context, this, this.#limits);
      onTimeout = (): void => connection.http2.fail(ERROR.SETTINGS_TIMEOUT, 'settings_timeout');
      this.#unready.set(connection, { socket, cancel });
      this.#connections.add(connection);
      this.#onCount(1);
      socket.removeListener('error', ignore);
      connection.http2.receive(first);
    };
    let first: Buffer | null = null;
    socket.on('data', onData);
  }

  /** A connection that speaks HTTP/1.1; `first` is what of it has been read. To everything behind, it is one of HTTP/2. */
  serveHttp1(socket: Duplex, first: Buffer | null): void {
    this.#http1 ??= new Http1Server(this.#context.flusher, this.#headerTimeout, this);
    const inside = this.#http1.accept(socket, first);
    this.#connections.add(new Downstream(inside, this.#context, this, this.#limits, null, sourceOf(socket)));
    this.#onCount(1);
  }
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
