import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ConnectionOwner } from '../../http2/connection_owner.ts';
import type { Flusher } from '../../http2/flusher.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import { type Limits, UPSTREAM_LIMITS } from '../../http2/limits.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { AppRequest } from './app_request.ts';
import { AppTunnel } from './app_tunnel.ts';
import { EngineEnd } from './engine_end.ts';
import { LINGER, PIPELINE_LIMIT, PIPELINE_PAUSE } from './limits.ts';
import type { MemorySocket } from './memory_socket.ts';
import { lastWords, writeRefusal } from './refusal.ts';
import { BadRequest, toHttp2 } from './request_head.ts';

/** The other side of this end is ours as well: nothing that it does is a flood, and nobody sweeps. */
const LIMITS: Limits = { ...UPSTREAM_LIMITS, maxOverheadFrames: 1_000_000_000, idleTimeout: null, stallTimeout: null };

/** Who handles a stream: a request or a WebSocket. */
export interface AppStream {
  onInformational(list: HeaderList, head: MessageHead): void;
  onResponse(list: HeaderList, head: MessageHead, endStream: boolean): void;
  onData(buf: Buffer, start: number, end: number, endStream: boolean): void;
  onTrailers(list: HeaderList): void;
  onReset(): void;
}

/** What a connection tells whoever accepted it. */
export interface AppConnectionEvents {
  onProtocolError(token: ProtocolErrorToken): void;
  onClosed(connection: AppConnection): void;
}

/**
 * A connection of an app that speaks HTTP/1.1. Each of its requests becomes a stream of an HTTP/2 connection inside this thread, so that
 * everything behind knows HTTP/2 alone. One request at a time: those that were sent ahead wait for the answers before theirs.
 */
export class AppConnection implements ConnectionOwner {
  readonly socket: Duplex;
  readonly #events: AppConnectionEvents;
  readonly #end: EngineEnd;
  readonly #encrypted: boolean;
  #active: AppRequest | AppTunnel | null = null;
  readonly #waiting: [IncomingMessage, ServerResponse][] = [];
  /** No further request is taken: the sidecar drains, or what came is no HTTP/1.1. */
  #last = false;
  /** What comes is not looked at any more: behind what was not understood, nothing is. */
  #deaf = false;
  #closing = false;

  constructor(socket: Duplex, inside: MemorySocket, flusher: Flusher, events: AppConnectionEvents) {
    this.socket = socket;
    this.#events = events;
    this.#encrypted = 'encrypted' in socket;
    this.#end = new EngineEnd(inside, 'client', this, LIMITS, flusher);
    socket.once('close', () => this.#onSocketClosed());
  }

  /** A request has come. */
  handle(req: IncomingMessage, res: ServerResponse): void {
    req.on('error', () => {});
    res.on('error', () => {});
    if (this.#deaf || this.#closing || this.socket.destroyed) return;
    if (this.#active === null && this.#waiting.length === 0) return this.#start(req, res);
    this.#waiting.push([req, res]);
    if (this.#waiting.length >= PIPELINE_PAUSE) this.socket.pause();
    if (this.#waiting.length < PIPELINE_LIMIT) return;
    this.#events.onProtocolError('http1_pipeline_flood');
    this.socket.destroy();
  }

  /** A WebSocket is asked for; from now on the socket is not read by Node's HTTP any more. */
  upgrade(req: IncomingMessage, first: Buffer): void {
    const socket = this.socket;
    socket.on('error', () => {});
    // Sent ahead of answers that are still to come: what they would be written to is no HTTP any more.
    if (this.#active !== null) return void socket.destroy();
    const list = AppTunnel.isHandshake(req)
      ? toHttp2(req, this.#encrypted, true)
      : new BadRequest(400, 'http1_upgrade_bad', 'not the handshake of a WebSocket (RFC 6455 section 4.1)');
    if (list instanceof BadRequest) return this.#refuseRaw(list);
    if (!this.#end.http2.canOpen) return this.#close(lastWords(503, 'the sidecar is shutting down'));
    if (first.length > 0) socket.unshift(first);
    this.#active = new AppTunnel(req, socket, this.#end, list);
  }

  /** What came is no HTTP/1.1, or took too long. An answer that is due is still given. */
  refuse(bad: BadRequest): void {
    const active = this.#active;
    if (this.#deaf) return;
    this.#events.onProtocolError(bad.token);
    this.#last = true;
    this.#deaf = true;
    if (active instanceof AppRequest && active.waitsForBody) {
      active.cancel();
      this.#active = null;
      if (active.begun) return void this.socket.destroy();
    } else if (active !== null || this.#waiting.length > 0) return;
    this.#close(lastWords(bad.status, bad.text));
  }

  /** Ends at once what is left: the grace is over. */
  destroy(): void {
    this.#last = true;
    if (this.#active === null) this.#close(null);
    else setTimeout(() => this.socket.destroy(), LINGER).unref();
  }

  #start(req: IncomingMessage, res: ServerResponse): void {
    const list = toHttp2(req, this.#encrypted, false);
    if (list instanceof BadRequest) {
      this.#events.onProtocolError(list.token);
      this.#refused(res, list.status, list.text);
    } else if (!this.#end.http2.canOpen) this.#refused(res, 503, 'the sidecar is shutting down');
    else this.#active = new AppRequest(req, res, this.#end, list, this.#last, () => this.#next());
  }

  /** Ends the connection with this answer. */
  #refused(res: ServerResponse, status: number, text: string): void {
    this.#last = true;
    this.#deaf = true;
    this.#waiting.length = 0;
    res.once('close', () => this.#close(null));
    writeRefusal(res, status, text);
  }

  #refuseRaw(bad: BadRequest): void {
    this.#events.onProtocolError(bad.token);
    this.#last = true;
    this.#close(lastWords(bad.status, bad.text));
  }

  /** The answer has been written, or its connection is gone. */
  #next(): void {
    this.#active = null;
    const next = this.#waiting.shift();
    if (this.socket.destroyed) return;
    if (next !== undefined) {
      if (this.#waiting.length === PIPELINE_PAUSE - 1) this.socket.resume();
      this.#start(...next);
    } else if (this.#last) this.#close(null);
  }

  /** Closes the connection in order, and after a while in any case. What comes meanwhile is read and not looked at: a socket that is closed with
   * unread octets in it resets the connection, and our last words might never be read. */
  #close(words: Buffer | null): void {
    if (this.#closing) return;
    this.#closing = true;
    const socket = this.socket;
    const linger = setTimeout(() => socket.destroy(), LINGER);
    linger.unref();
    socket.once('close', () => clearTimeout(linger));
    if (words === null) socket.end();
    else socket.end(words);
  }

  #onSocketClosed(): void {
    this.#last = true;
    this.#waiting.length = 0;
    this.#active?.cancel();
    this.#end.http2.destroy('the connection of the app is closed');
    this.#events.onClosed(this);
  }

  onInformational(stream: Stream, list: HeaderList): void {
    (stream.owner as AppStream).onInformational(list, list.head as MessageHead);
  }

  onResponse(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    (stream.owner as AppStream).onResponse(list, head, endStream);
  }

  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    (stream.owner as AppStream).onData(buf, start, end, endStream);
  }

  onTrailers(stream: Stream, list: HeaderList): void {
    (stream.owner as AppStream).onTrailers(list);
  }

  onReset(stream: Stream): void {
    (stream.owner as AppStream).onReset();
  }

  /** The listener drains, or the connection was idle for long enough. */
  onGoaway(): void {
    this.#last = true;
    if (this.#active === null && this.#waiting.length === 0) this.#close(null);
    else if (this.#active instanceof AppRequest) this.#active.isLast();
  }

  onClosed(): void {
    this.#last = true;
    if (this.#active === null) this.#close(null);
  }

  onProtocolError(token: ProtocolErrorToken): void {
    this.#events.onProtocolError(token);
  }

  onReady(): void {}
  onRequest(): void {}
  onStreamClosed(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
}
