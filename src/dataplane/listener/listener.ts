import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '../../base/clock.ts';
import { ERROR } from '../../http2/frame/codes.ts';
import { DOWNSTREAM_LIMITS, type Limits, MAX_CONNECTIONS } from '../../http2/limits.ts';
import type { ClientLimits } from '../../model/client_limits.ts';
import type { InboundRules } from '../../model/tls.ts';
import type { ForwardingContext } from '../forwarding/context.ts';
import { Http1Server } from '../http1/http1_server.ts';
import { readAccepted } from '../read_buffer.ts';
import { Downstream, type DownstreamEvents, sourceOf } from './downstream.ts';
import { InboundGate } from './inbound_gate.ts';
import { sniff } from './sniff.ts';
import type { TlsAccept, TlsAcceptEvents } from './tls_accept.ts';

/** While a listener drains: how long connections that are new may take to say something, in milliseconds. */
const GREETING_PATIENCE = 1_000;
/** A turn that is shorter than this has had nothing to do, in milliseconds; and the turns that are waited for one. */
const QUIET = 0.2;
const MOST_TURNS = 50;

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
  #onDrained: (() => void) | null = null;
  /** Ends the time that new connections have to say something while it drains. */
  #greetings = (): void => {};
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

  /**
   * Accepts nothing more and lets every connection finish; resolves when the last one is closed. Who connected a moment ago, and has not
   * had time to say a word, is served like all others: the next process has the port already, and nobody must notice.
   */
  drain(): Promise<void> {
    this.#draining = true;
    this.#secure?.accept.destroySilent();
    for (const connection of this.#connections) if (!this.#unready.has(connection)) connection.http2.shutdown();
    this.#greetings = this.#clock.after(GREETING_PATIENCE, () => this.#turnAwaySilent());
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      void atQuietMoment().then(() => {
        this.#server.close();
        this.#endIfDrained();
      });
    });
  }

  #turnAwaySilent(): void {
    for (const socket of this.#sniffing) socket.destroy();
    // They carry no request, and might never answer the PING that ends a connection in order.
    for (const { socket } of this.#unready.values()) socket.destroy();
    for (const connection of this.#connections) connection.http2.shutdown();
  }

  #endIfDrained(): void {
    const resolve = this.#onDrained;
    if (resolve === null || this.#server.listening || this.#connections.size > 0 || this.#sniffing.size > 0) return;
    this.#onDrained = null;
    this.#greetings();
    void (this.#http1?.drained() ?? Promise.resolve()).then(resolve);
  }

  /** Keeps the time limits of all connections; to be called every `SWEEP_INTERVAL`. `now` in monotonic milliseconds. */
  sweep(now: number): void {
    for (const connection of this.#connections) connection.http2.sweep(now);
  }

  /** Closes what is still open. */
  destroy(reason: string): void {
    this.#server.close();
    this.#greetings();
    for (const socket of this.#sniffing) socket.destroy();
    for (const connection of [...this.#connections]) connection.shutDown(reason);
    this.#http1?.destroy();
  }

  onProtocolError: DownstreamEvents['onProtocolError'] = (token) => this.#onProtocolError(token);

  onReady(connection: Downstream): void {
    this.#unready.get(connection)?.cancel();
    if (this.#unready.delete(connection) && this.#draining) connection.http2.shutdown();
  }

  onClosed(connection: Downstream): void {
    this.onReady(connection);
    if (!this.#connections.delete(connection)) return;
    this.#onCount(-1);
    this.#endIfDrained();
  }

  /** TLS is done: ALPN has told the protocol, or the first octets will. */
  #tlsEvents({ inbound, failed }: SecureEntry): TlsAcceptEvents {
    return {
      accepted: (socket, protocol, peer) => {
        if (protocol === 'unknown') return this.#accept(socket);
        this.#serve(socket, inbound === null ? null : new InboundGate(inbound, peer));
      },
      failed,
    };
  }

  /** A connection that is known to be HTTP/2; its SETTINGS are still to come. */
  #serve(socket: Socket, inbound: InboundGate | null): void {
    const connection = new Downstream(socket, this.#context, this, this.#limits, { inbound });
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
      this.#endIfDrained();
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
      const quick = readAccepted(socket, (buffer, length) => connection.http2.receive(buffer, length));
      const read = quick ?? socket;
      const connection = new Downstream(read, this.#context, this, this.#limits, { volatile: quick !== null });
      onTimeout = (): void => connection.http2.fail(ERROR.SETTINGS_TIMEOUT, 'settings_timeout');
      this.#unready.set(connection, { socket: read, cancel });
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
    this.#connections.add(new Downstream(inside, this.#context, this, this.#limits, { source: sourceOf(socket) }));
    this.#onCount(1);
  }
}

/**
 * Resolves right after this thread has looked at its sockets and found little to do. What has connected by then has been accepted, and
 * what connects between that look and the close of a listening socket is lost: the shorter that is, the better.
 */
async function atQuietMoment(): Promise<void> {
  let before = performance.now();
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    if (now - before < QUIET) return;
    before = now;
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
