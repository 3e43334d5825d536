import { Connection } from '../../http2/connection.ts';
import type { ConnectionOwner } from '../../http2/connection_owner.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import { UPSTREAM_LIMITS } from '../../http2/limits.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import type { ConnectionState, ConnectResult } from '../../model/counters.ts';
import type { UpstreamContext } from './context.ts';
import { CONNECT_TIMEOUT, connectFailure, dial } from './dial.ts';
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
  #readyAt = 0;
  #failure: ConnectResult = 'error';
  #reason = '';

  constructor(endpoint: Endpoint, context: UpstreamContext) {
    this.#endpoint = endpoint;
    this.#context = context;
    const socket = dial(endpoint.target, (buffer, length) => {
      this.#keepalive.heard = true;
      this.http2.receive(buffer, length);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      this.#failure = connectFailure(error);
      this.#reason = error.code ?? error.message;
    });
    this.http2 = new Connection(socket, 'client', this, UPSTREAM_LIMITS, context.flusher, true);
    this.#connectTimer = setTimeout(() => {
      this.#failure = 'timeout';
      this.#reason = `no HTTP/2 SETTINGS within ${CONNECT_TIMEOUT} ms`;
      socket.destroy();
    }, CONNECT_TIMEOUT);
    this.#connectTimer.unref();
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

  /** Called every `KEEPALIVE_SWEEP`. */
  sweep(factor: number): void {
    if (this.state !== 'ready' && this.state !== 'draining') return;
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
    (stream.owner as UpstreamHandler).onUpstreamReset(stream, code, byPeer, unprocessed, this.http2.failed);
  }

  onStreamClosed(): void {
    if (this.state === 'ready') this.#endpoint.slotFree();
  }

  onGoaway(_lastStreamId: number, code: number, debug: string): void {
    const connecting = this.state === 'connecting';
    this.#become('draining');
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
    this.#reason = `protocol error: ${token}`;
  }

  onClosed(reason: string): void {
    clearTimeout(this.#connectTimer);
    const was = this.state;
    if (was === 'closed') return;
    this.state = 'closed';
    this.#endpoint.connectionClosed(this, was, this.#failure, this.#reason || reason);
  }

  #become(state: ConnectionState): void {
    this.state = state;
    this.#endpoint.connectionChanged();
  }
}
