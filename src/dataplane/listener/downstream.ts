import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Connection } from '../../http2/connection.ts';
import type { ConnectionOwner } from '../../http2/connection_owner.ts';
import { ERROR } from '../../http2/frame/codes.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Limits } from '../../http2/limits.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import type { ForwardingContext } from '../forwarding/context.ts';
import { Exchange } from '../forwarding/exchange.ts';
import { answerUnrouted } from '../forwarding/unrouted.ts';
import { requestView } from '../routing/request_view.ts';
import type { InboundGate } from './inbound_gate.ts';

/** What a listener hears of its connections. */
export interface DownstreamEvents {
  onProtocolError(token: ProtocolErrorToken): void;
  /** The client's SETTINGS have come: it speaks HTTP/2. */
  onReady(connection: Downstream): void;
  onClosed(connection: Downstream): void;
}

/** What not every connection has. */
export interface DownstreamOptions {
  /** The other end is no app beside us, but somebody from outside. */
  readonly inbound?: InboundGate | null;
  /** The address that the client connects from, if the socket is not what it connected to; null: it has none. */
  readonly source?: string | null;
  /** The socket emits no `data`: see `Connection`. */
  readonly volatile?: boolean;
}

/** A connection from an app: each request on it becomes an exchange. */
export class Downstream implements ConnectionOwner {
  readonly http2: Connection;
  readonly #context: ForwardingContext;
  readonly #events: DownstreamEvents;
  readonly #inbound: InboundGate | null;
  readonly #source: string | null;

  constructor(
    socket: Duplex,
    context: ForwardingContext,
    events: DownstreamEvents,
    limits: Limits,
    options: DownstreamOptions = {},
  ) {
    const { inbound = null, source = sourceOf(socket), volatile = false } = options;
    this.#source = source;
    this.#inbound = inbound;
    this.#context = context;
    this.#events = events;
    this.http2 = new Connection(socket, 'server', this, limits, context.flusher, volatile);
  }

  onRequest(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    const context = this.#context;
    const inbound = this.#inbound;
    const view = inbound === null ? requestView(list, head) : inbound.view(list, head);
    view.source = this.#source;
    const service = context.router.route(view);
    if (service === null) return answerUnrouted(stream, view, endStream, context);
    const exchange = new Exchange(stream, view, service, endStream, context);
    stream.owner = exchange;
    if (inbound === null || inbound.refusal === null) exchange.start();
    else exchange.reject('not_allowed', inbound.refusal);
  }

  /** Ends every request that is still open, each with an answer, and the connection. */
  shutDown(reason: string): void {
    for (const stream of this.http2.streams.all()) (stream.owner as Exchange | null)?.refuse('shutting_down', reason);
    this.http2.destroy(reason);
  }

  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    const exchange = stream.owner as Exchange | null;
    if (exchange === null) this.http2.credit(stream, end - start);
    else exchange.onRequestData(buf, start, end, endStream);
  }

  onTrailers(stream: Stream, list: HeaderList): void {
    (stream.owner as Exchange | null)?.onRequestTrailers(this.#inbound?.trailers(list) ?? list);
  }

  onReset(stream: Stream, code: number, byPeer: boolean): void {
    // What the client did wrong is no fault of the instance's connection.
    (stream.owner as Exchange | null)?.onClientReset(byPeer && !this.http2.failed ? code : ERROR.CANCEL);
  }

  onProtocolError(token: ProtocolErrorToken): void {
    this.#events.onProtocolError(token);
  }

  onReady(): void {
    this.#events.onReady(this);
  }

  onClosed(): void {
    this.#events.onClosed(this);
  }

  onInformational(): void {}
  onResponse(): void {}
  onStreamClosed(): void {}
  onGoaway(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
}

/** The address that the other end of a socket connects from, IPv4 as such; null for a unix socket. */
export function sourceOf(socket: Duplex): string | null {
  const { remoteAddress } = socket as Socket;
  return remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? null;
}
