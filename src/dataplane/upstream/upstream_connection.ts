import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { isTlsError, tlsFailure } from '../../base/tls_failure.ts';
import { Connection } from '../../http2/connection.ts';
import type { ConnectionOwner } from '../../http2/connection_owner.ts';
import { ERROR, errorName } from '../../http2/frame/codes.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import { UPSTREAM_LIMITS } from '../../http2/limits.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import type { ConnectionState, ConnectResult } from '../../model/counters.ts';
import { dialHttp1 } from '../http1/dial_instance.ts';
import type { UpstreamContext } from './context.ts';
import { CONNECT_TIMEOUT, connectFailure, dial, foreignAnswer } from './dial.ts';
import { dialTls } from './dial_tls.ts';
import type { Endpoint } from './endpoint.ts';
import { Keepalive } from './keepalive.ts';

/** Who handles a stream to an instance: the exchange. Each call says which stream it is about, as there may have been others. */
export interface UpstreamHandler {
  onInformational(stream: Stream, list: HeaderList): void;
  onResponse(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void;
  onResponseData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void;
  onResponseTrailers(stream: Stream, list: HeaderList): void;
  /** `code` and `byPeer` as in `ConnectionOwner.onReset`; `lost` when the connection went away under the stream. */
  onUpstreamReset(stream: Stream, code: number, byPeer: boolean, unprocessed: boolean, lost: boolean): void;
}

/**
 * One connection to an instance.
 *
 *     connecting -- SETTINGS --> ready -- GOAWAY, removed, exhausted --> draining -- last stream --> closed
 *          \________________________\____ socket gone ______________________/
 */
export class UpstreamConnection implements ConnectionOwner {
  readonly http2: Connection;
  state: ConnectionState | 'closed' = 'connecting';
  readonly #endpoint: Endpoint;
  readonly #context: UpstreamContext;
  readonly #connectTimer: NodeJS.Timeout;
  readonly #keepalive = new Keepalive();
  /** Spreads the ends of connections that began together. */
  readonly #ageFactor: number;
  #readyAt = 0;
  #failure: ConnectResult = 'error';
  #reason = '';
  /** Of the peer's last GOAWAY: what it says is wrong. */
  goaway = 'GOAWAY';
  /** What the instance seems to speak in the place of HTTP/2. */
  #foreign: string | null = null;
  #connected = false;

  constructor(endpoint: Endpoint, context: UpstreamContext) {
    this.#endpoint = endpoint;
    this.#context = context;
    this.#ageFactor = 0.9 + 0.2 * context.random();
    const socket = this.#dial();
    socket.once('connect', () => {
      this.#connected = true;
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      this.#failure = connectFailure(error);
      this.#reason = error.code ?? error.message;
      if (endpoint.tls === null || this.state !== 'connecting') return;
      if (this.#connected || isTlsError(error)) this.#tlsFailed(error);
    });
    this.http2 = new Connection(socket, 'client', this, UPSTREAM_LIMITS, context.flusher, true);
    this.#connectTimer = setTimeout(() => {
      this.#failure = 'timeout';
      this.#reason = `no HTTP/2 SETTINGS within ${CONNECT_TIMEOUT} ms`;
      socket.destroy();
    }, CONNECT_TIMEOUT);
    this.#connectTimer.unref();
  }

  #dial(): Duplex {
    const { target, tls } = this.#endpoint;
    if (this.#endpoint.protocol === 'http/1.1') return this.#dialHttp1();
    const received = (buffer: Buffer, length: number): void => {
      this.#keepalive.heard = true;
      this.http2.receive(buffer, length);
    };
    if (tls !== null) return dialTls(target, tls, this.#context.tls, this.#endpoint, received);
    return dial(target, (buffer, length) => {
      if (this.state === 'connecting') this.#foreign ??= foreignAnswer(buffer, length);
      received(buffer, length);
    });
  }

  #dialHttp1(): Duplex {
    const { target, tls, connectionsPerInstance } = this.#endpoint;
    const { flusher, tls: materials } = this.#context;
    const secure = tls !== null;
    const socket = dialHttp1({
      flusher,
      open: () => (secure ? dialTls(target, tls, materials, this.#endpoint, null, 'http/1.1') : dial(target, null)),
      openedBy: secure ? 'secureConnect' : 'connect',
      connections: connectionsPerInstance,
      timeout: CONNECT_TIMEOUT,
      onProtocolError: (token) => this.#context.onProtocolError(token),
    });
    socket.on('data', (chunk: Buffer) => {
      this.#keepalive.heard = true;
      this.http2.receive(chunk);
    });
    return socket;
  }

  #tlsFailed(error: NodeJS.ErrnoException): void {
    const { reason, text } = tlsFailure(error, 'instance');
    this.#reason = text;
    this.#context.onTlsFailure(reason);
  }

  get canOpen(): boolean {
    return this.state === 'ready' && this.http2.canOpen;
  }

  /** Stops taking requests; closes when the last stream has ended. */
  drain(): void {
    if (this.state === 'closed' || this.state === 'draining') return;
    if (this.state === 'connecting') return this.http2.destroy('not needed any more');
    this.#become('draining');
    this.http2.shutdown();
  }

  destroy(reason: string): void {
    this.http2.destroy(reason);
  }

  /** How long it has been ready, in milliseconds. */
  get age(): number {
    return this.#context.clock.now() - this.#readyAt;
  }

  /** It takes requests, and has done so for longer than `maxAge` milliseconds, give or take a tenth. */
  outlives(maxAge: number): boolean {
    return this.state === 'ready' && this.age > maxAge * this.#ageFactor;
  }

  /** Called every `KEEPALIVE_SWEEP`. */
  sweep(factor: number): void {
    if (this.state !== 'ready' && this.state !== 'draining') return;
    this.http2.sweep(performance.now());
    if (this.state === 'ready' && this.http2.worn && this.#endpoint.replaceWorn(this)) return this.drain();
    const { streams, opened } = this.http2;
    const verdict = this.#keepalive.sweep(streams.size, opened, factor);
    if (verdict === 'ping') this.http2.ping();
    else if (verdict === 'dead') {
      this.#reason = 'no answer to PING';
      this.http2.destroy(this.#reason);
    }
  }

  onReady(): void {
    clearTimeout(this.#connectTimer);
    this.#readyAt = this.#context.clock.now();
    this.#become('ready');
    this.#endpoint.connectionReady();
  }

  onRequest(): void {}

  onInformational(stream: Stream, list: HeaderList): void {
    (stream.owner as UpstreamHandler).onInformational(stream, list);
  }

  onResponse(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    (stream.owner as UpstreamHandler).onResponse(stream, list, head, endStream);
  }

  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    (stream.owner as UpstreamHandler).onResponseData(stream, buf, start, end, endStream);
  }

  onTrailers(stream: Stream, list: HeaderList): void {
    (stream.owner as UpstreamHandler).onResponseTrailers(stream, list);
  }

  onReset(stream: Stream, code: number, byPeer: boolean, unprocessed: boolean): void {
    // Of an instance that speaks HTTP/1.1, the code says that the connection which carried this request is gone.
    const lost = this.http2.failed || (code === ERROR.CONNECT_ERROR && this.#endpoint.protocol === 'http/1.1');
    (stream.owner as UpstreamHandler).onUpstreamReset(stream, code, byPeer, unprocessed, lost);
  }

  onStreamClosed(): void {
    if (this.state === 'ready') this.#endpoint.slotFree();
  }

  onGoaway(_lastStreamId: number, code: number, debug: string): void {
    const connecting = this.state === 'connecting';
    this.#become('draining');
    if (code !== 0) this.goaway = `GOAWAY ${errorName(code)}${debug === '' ? '' : `: ${printable(debug)}`}`;
    this.#context.onGoaway(this.#endpoint, code, debug);
    if (!connecting) this.#endpoint.connectionDraining(this);
  }

  onCapacityChanged(): void {
    if (this.state === 'ready') this.#endpoint.slotFree();
  }

  onPong(): void {
    this.#keepalive.pong();
  }

  onProtocolError(token: ProtocolErrorToken): void {
    this.#context.onProtocolError(token);
    this.#reason = this.#foreign ?? `protocol error: ${token}`;
  }

  onClosed(reason: string): void {
    clearTimeout(this.#connectTimer);
    const was = this.state;
    if (was === 'closed') return;
    this.state = 'closed';
    this.#endpoint.connectionClosed(this, was, this.#failure, this.#reason || this.#foreign || reason);
  }

  #become(state: ConnectionState): void {
    this.state = state;
    this.#endpoint.connectionChanged();
  }
}

const LONGEST_DEBUG = 200;

/** What a peer sent as debug data, cleaned and cut for a message. */
function printable(debug: string): string {
  return debug.slice(0, LONGEST_DEBUG).replace(/[^\x20-\x7e]/g, '?');
}
