import type { Duplex } from 'node:stream';
import type { ConnectionOwner } from './connection_owner.ts';
import type { Flusher } from './flusher.ts';
import { DEFAULT_WINDOW, ERROR, MAX_STREAM_ID, MIN_MAX_FRAME_SIZE, PREFACE } from './frame/codes.ts';
import { FrameReader } from './frame_reader.ts';
import type { MessageHead } from './header_rules.ts';
import { release } from './held.ts';
import { HeaderList } from './hpack/header_list.ts';
import { type Limits, MAX_POSTPONED_RESETS } from './limits.ts';
import { PostponedResets } from './postponed_resets.ts';
import type { ProtocolErrorToken } from './protocol_errors.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import { ownSettings } from './settings.ts';
import { closeSide, STREAM_STATE, Stream } from './streams/stream.ts';
import { StreamTable } from './streams/stream_table.ts';
import { Vigil } from './vigil.ts';

/** How long a connection that ends in order or in error may take to write its last frames, in milliseconds. */
const LINGER = 1_000;
/**
 * Ids of streams that we reset lately: what was already on its way for them is no error (RFC 9113 section 5.1, closed). As many as
 * can be reset at once when an instance with many slow uploads goes away.
 */
const REMEMBERED_RESETS = 1024;
const PING_DATA = Buffer.alloc(8);
const SHUTDOWN_PING_DATA = Buffer.from('shutdown');
const TOO_LARGE = new HeaderList([':status', '431', 'content-length', '0']);

/**
 * One HTTP/2 connection over any duplex stream, in either role.
 *
 *     (constructed) -- peer's SETTINGS --> open -- GOAWAY either way --> draining -- last stream --> closed
 *           \______________________________ \ ____ socket gone, fail(), destroy() _____________________/
 *
 * The owner opens or answers streams with the methods below and hears everything else through `ConnectionOwner`.
 */
export class Connection {
  readonly server: boolean;
  readonly owner: ConnectionOwner;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly streams = new StreamTable();
  /** What is received lies in a buffer that the next read overwrites: whoever keeps octets of it must copy them. */
  readonly volatile: boolean;
  /** Bytes are no longer read: the connection failed or is closed. */
  failed = false;
  /** The peer sent GOAWAY, or we did: no new streams. */
  draining = false;
  /** Octets of the header lists of all open requests. */
  heldHeaders = 0;

  readonly #socket: Duplex;
  readonly #flusher: Flusher;
  readonly #reader: FrameReader;
  readonly #vigil: Vigil;
  readonly #postponed: PostponedResets;
  #prefaceAt: number;
  private nextStreamId = 1;
  /** Server role, after our final GOAWAY: streams above are ignored. */
  #acceptUpTo = MAX_STREAM_ID;
  #shutdownPing = false;
  /** The peer knows the last of its streams that we acted on. */
  #saidGoaway = false;
  #closed = false;
  #closeReason = 'the peer closed the connection';
  /** A ring, once it is full. Client role: negative ids are of streams that the peer reset. */
  readonly #resetIds: number[] = [];
  #resetAt = 0;
  /** The highest id that the ring has forgotten: at or below it, anything may be one of ours. */
  #forgottenUpTo = 0;

  /** `volatile`: the socket emits no `data`; its user calls `receive`, with a buffer that is used again afterwards. */
  constructor(
    socket: Duplex,
    role: 'client' | 'server',
    owner: ConnectionOwner,
    limits: Limits,
    flusher: Flusher,
    volatile = false,
  ) {
    this.#socket = socket;
    this.#flusher = flusher;
    this.volatile = volatile;
    this.server = role === 'server';
    this.owner = owner;
    this.#prefaceAt = this.server ? 0 : PREFACE.length;
    this.sender = new Sender(
      socket,
      flusher,
      (source, octets) => creditWritten(source, octets),
      (stream) => this.#localEnded(stream),
      limits,
      () => this.fail(ERROR.ENHANCE_YOUR_CALM, 'control_backlog'),
    );
    this.receiver = new Receiver(this, limits);
    this.#vigil = new Vigil(this, limits);
    this.#postponed = new PostponedResets(limits.resetBurst);
    this.#reader = new FrameReader(this.receiver, MIN_MAX_FRAME_SIZE);
    if (!volatile) socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error: Error) => {
      if (this.failed) return;
      this.#closeReason = error.message;
      // Now, not when the socket has closed: nothing must be written to it in between.
      this.#lose();
    });
    socket.on('end', () => this.#onPeerEnded());
    socket.on('close', () => this.#onSocketClosed());

    if (!this.server) this.sender.raw(PREFACE);
    this.sender.settings(ownSettings(limits, this.server));
    if (limits.connectionWindow > DEFAULT_WINDOW) {
      this.sender.windowUpdate(0, limits.connectionWindow - DEFAULT_WINDOW);
    }
  }

  /** Feeds the first `length` octets of `chunk`; for a protocol sniffer that has read them, and for sockets that read into one buffer. */
  receive(chunk: Buffer, length: number = chunk.length): void {
    if (this.failed) return;
    let from = 0;
    while (this.#prefaceAt < PREFACE.length && from < length) {
      if (chunk[from++] !== PREFACE[this.#prefaceAt++]) return this.fail(ERROR.PROTOCOL_ERROR, 'preface_bad');
    }
    this.receiver.nextChunk();
    this.#flusher.received(from < length ? this.#reader.read(chunk, from, length) : 0);
  }

  // Streams, for the owner

  /** Client role: a stream can be opened now. */
  get canOpen(): boolean {
    return (
      !this.draining &&
      !this.failed &&
      this.streams.size < this.sender.peer.maxConcurrentStreams &&
      this.receiver.roomForStream &&
      this.nextStreamId <= MAX_STREAM_ID
    );
  }

  /** No id is left (RFC 9113 section 5.1.1): the connection must be replaced. */
  get exhausted(): boolean {
    return this.nextStreamId > MAX_STREAM_ID;
  }

  /** So many resets wait for their turn that another connection is better. */
  get worn(): boolean {
    return this.#postponed.size > MAX_POSTPONED_RESETS;
  }

  /** How many streams we have opened. */
  get opened(): number {
    return this.nextStreamId >>> 1;
  }

  /** False while nothing of the stream has been handed to the socket: the peer cannot know of it. */
  wasSent(stream: Stream): boolean {
    return stream.bornAt !== this.sender.flushes;
  }

  /** Client role: opens a stream. Only when `canOpen`. `noResponseBody` is true for HEAD. */
  open(list: HeaderList, endStream: boolean, noResponseBody: boolean, owner: unknown): Stream {
    const stream = new Stream(
      this,
      this.nextStreamId,
      this.sender.peer.initialWindowSize,
      this.receiver.initialWindow,
      owner,
    );
    stream.noResponseBody = noResponseBody;
    stream.bornAt = this.sender.flushes;
    this.nextStreamId += 2;
    this.streams.add(stream);
    this.sender.headers(stream, list, endStream);
    return stream;
  }

  /** Server role: a header block that is not the last one of the message, or is (`endStream`). Ignored on an ended stream. */
  headers(stream: Stream, list: HeaderList, endStream: boolean): void {
    if (endStream) return this.trailers(stream, list);
    if (stream.writable) this.sender.headers(stream, list, false);
  }

  trailers(stream: Stream, list: HeaderList): void {
    if (stream.writable) this.sender.trailers(stream, list);
  }

  /** Sends DATA; `source` is the stream it came from, which is credited when the socket took it (at once if it is dropped); `held` (`held.ts`): its
   * connection has been credited before. */
  data(
    stream: Stream,
    buf: Buffer,
    start: number,
    end: number,
    endStream: boolean,
    source: Stream | null,
    held = false,
  ): void {
    if (stream.writable) return this.sender.data(stream, buf, start, end, endStream, source, held);
    if (held) release(end - start);
    if (source !== null) creditWritten(source, held ? start - end : end - start);
  }

  /**
   * Ends a stream with RST_STREAM. The owner asked, so it is not told `onReset`. Client role: after many of them it goes out later
   * (`resetBurst`), and what comes on the stream until then is the owner's to credit and ignore.
   */
  reset(stream: Stream, code: number): void {
    if (stream.state === STREAM_STATE.CLOSED) return;
    if (!this.server && !this.#postponed.mayReset()) {
      this.sender.forget(stream);
      this.#postponed.add(stream, code);
      return this.#closeIfDrained();
    }
    this.#resetNow(stream, code);
  }

  #resetNow(stream: Stream, code: number): void {
    this.#rememberReset(stream.id);
    this.sender.reset(stream.id, code);
    this.#remove(stream);
  }

  /** The rest of what the peer sends on this stream is not wanted: reset without an error as soon as our side has ended. */
  stopReceiving(stream: Stream): void {
    stream.stopAfterEnd = true;
    if (stream.state === STREAM_STATE.HALF_CLOSED_LOCAL) this.reset(stream, ERROR.NO_ERROR);
  }

  /** Octets that came on `stream` have been passed on: the peer may send as many more. */
  credit(stream: Stream, octets: number): void {
    this.creditConnection(octets);
    this.creditStream(stream, octets);
  }

  /** The stream's part of `credit` alone, for octets whose connection credit was given back before. */
  creditStream(stream: Stream, octets: number): void {
    if (!stream.readable) return;
    const increment = stream.receiveWindow.consume(octets);
    if (increment > 0) this.sender.windowUpdate(stream.id, increment);
  }

  creditConnection(octets: number): void {
    if (this.failed) return;
    const increment = this.receiver.window.consume(octets);
    if (increment === 0) return;
    const full = !this.server && !this.receiver.hadRoomBefore(increment);
    this.sender.windowUpdate(0, increment);
    if (full) this.owner.onCapacityChanged();
  }

  ping(): void {
    this.sender.ping(false, PING_DATA, 0);
  }

  // Ending

  /**
   * Ends in order (RFC 9113 section 6.8). Server role: GOAWAY with the highest id, a round trip so that no stream in flight is
   * lost, GOAWAY with the real last id; then, in both roles, closes when the last stream has ended.
   */
  shutdown(): void {
    if (this.failed || this.draining) return;
    this.draining = true;
    if (this.server) {
      this.sender.goaway(MAX_STREAM_ID, ERROR.NO_ERROR, '');
      this.#shutdownPing = true;
      this.sender.ping(false, SHUTDOWN_PING_DATA, 0);
    } else {
      this.#sayGoaway(0);
      this.#closeIfDrained();
    }
  }

  /** Ends at once, with GOAWAY; every open stream is told. */
  fail(code: number, token: ProtocolErrorToken): void {
    if (this.failed) return;
    this.owner.onProtocolError(token);
    this.#end(code, token, `protocol error: ${token}`);
  }

  /** Ends at once without an error of the peer's. */
  destroy(reason: string): void {
    if (!this.failed) this.#end(ERROR.NO_ERROR, '', reason);
  }

  #end(code: number, debug: string, reason: string): void {
    this.sender.goaway(this.receiver.lastPeerStreamId, code, debug);
    this.failed = true;
    this.draining = true;
    this.#closeReason = reason;
    this.#dropStreams();
    this.#endSocket();
  }

  /**
   * Writes what is left, then waits for the peer to end as well, and reads on meanwhile without looking: a socket that is closed with
   * unread octets in it resets the connection, and our last frames might never be read.
   */
  #endSocket(): void {
    const socket = this.#socket;
    const linger = setTimeout(() => socket.destroy(), LINGER);
    linger.unref();
    socket.once('close', () => clearTimeout(linger));
    this.sender.end(() => socket.end());
  }

  /** To be called every `SWEEP_INTERVAL` with the monotonic time in milliseconds: keeps the time limits. */
  sweep(now: number): void {
    if (this.failed) return;
    this.#vigil.sweep(now);
    this.#postponed.send((stream, code) => this.#resetNow(stream, code));
  }

  // For the receiver

  /** Another number for each frame, or header block, that has begun to arrive and is not whole; 0 when nothing is half here. */
  get unfinished(): number {
    return -this.receiver.unfinishedBlock || this.#reader.unfinished;
  }

  /** Our shutdown waits for the answer to its PING. */
  get awaitsShutdownPing(): boolean {
    return this.#shutdownPing;
  }

  isIdle(streamId: number): boolean {
    const ours = streamId % 2 === (this.server ? 0 : 1);
    if (ours) return this.server || streamId >= this.nextStreamId;
    return !this.server || (streamId > this.receiver.lastPeerStreamId && this.acceptsStream(streamId));
  }

  /** What comes on this stream, which is gone, crossed our RST_STREAM or our GOAWAY: it is ignored (sections 5.1 and 6.8). */
  wasReset(streamId: number): boolean {
    if (!this.acceptsStream(streamId) || streamId <= this.#forgottenUpTo) return true;
    return this.#resetIds.includes(streamId);
  }

  acceptsStream(streamId: number): boolean {
    return streamId <= this.#acceptUpTo;
  }

  addPeerStream(streamId: number, endStream: boolean): Stream {
    const stream = new Stream(this, streamId, this.sender.peer.initialWindowSize, this.receiver.initialWindow, null);
    if (endStream) stream.state = closeSide(stream.state, 'remote');
    this.streams.add(stream);
    return stream;
  }

  deliverData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (endStream) stream.state = closeSide(stream.state, 'remote');
    this.owner.onData(stream, buf, start, end, endStream);
    if (endStream) this.#removeIfClosed(stream);
  }

  deliverResponse(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    if (endStream) stream.state = closeSide(stream.state, 'remote');
    this.owner.onResponse(stream, list, head, endStream);
    if (endStream) this.#removeIfClosed(stream);
  }

  deliverTrailers(stream: Stream, list: HeaderList): void {
    stream.state = closeSide(stream.state, 'remote');
    this.owner.onTrailers(stream, list);
    this.#removeIfClosed(stream);
  }

  /** A stream broke a rule: RST_STREAM, and the owner is told. */
  rejectStream(stream: Stream, code: number, token: ProtocolErrorToken): void {
    this.owner.onProtocolError(token);
    this.#rememberReset(stream.id);
    this.sender.reset(stream.id, code);
    this.closeStream(stream, code, false, false);
  }

  /** The same for an id that may have no stream. */
  rejectStreamId(streamId: number, code: number, token: ProtocolErrorToken): void {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) return this.rejectStream(stream, code, token);
    this.owner.onProtocolError(token);
    this.#rememberReset(streamId);
    this.sender.reset(streamId, code);
  }

  /** A request whose header list is beyond our limit is answered, not reset (RFC 6585 section 5). */
  rejectTooLarge(streamId: number, endStream: boolean): void {
    this.owner.onProtocolError('header_list_too_large');
    const stream = this.addPeerStream(streamId, endStream);
    this.sender.headers(stream, TOO_LARGE, true);
    if (!endStream) this.reset(stream, ERROR.NO_ERROR);
  }

  /** Client role: the peer has reset this stream, and yet sends on it. */
  wasResetByPeer(streamId: number): boolean {
    return this.#resetIds.includes(-streamId);
  }

  /** The stream ended by a reset, the peer's or ours. */
  closeStream(stream: Stream, code: number, byPeer: boolean, unprocessed: boolean): void {
    if (!this.#detach(stream)) return;
    if (byPeer && !this.server) this.#rememberReset(-stream.id);
    this.owner.onReset(stream, code, byPeer, unprocessed);
    this.owner.onStreamClosed(stream);
    this.#closeIfDrained();
  }

  pong(buf: Buffer, start: number): void {
    if (this.#shutdownPing && SHUTDOWN_PING_DATA.compare(buf, start, start + 8) === 0) this.finishShutdown();
    this.owner.onPong();
  }

  /** The round trip of our shutdown is over: names the real last stream. */
  finishShutdown(): void {
    this.#shutdownPing = false;
    this.#acceptUpTo = this.receiver.lastPeerStreamId;
    this.#sayGoaway(this.#acceptUpTo);
    this.#closeIfDrained();
  }

  #sayGoaway(lastStreamId: number): void {
    this.#saidGoaway = true;
    this.sender.goaway(lastStreamId, ERROR.NO_ERROR, '');
  }

  peerGoaway(lastStreamId: number, code: number, debug: string): void {
    this.draining = true;
    if (!this.server) {
      const unprocessed = this.streams.all().filter((stream) => stream.id > lastStreamId);
      for (const stream of unprocessed) this.closeStream(stream, ERROR.REFUSED_STREAM, true, true);
    }
    this.owner.onGoaway(lastStreamId, code, debug);
    this.#closeIfDrained();
  }

  // Life of a stream

  #localEnded(stream: Stream): void {
    if (stream.state === STREAM_STATE.CLOSED) this.#remove(stream);
    else if (stream.stopAfterEnd) this.reset(stream, ERROR.NO_ERROR);
  }

  #removeIfClosed(stream: Stream): void {
    if (stream.state === STREAM_STATE.CLOSED) this.#remove(stream);
  }

  #remove(stream: Stream): void {
    if (!this.#detach(stream)) return;
    this.owner.onStreamClosed(stream);
    this.#closeIfDrained();
  }

  /** Takes the stream out of the table; false when it was out already. */
  #detach(stream: Stream): boolean {
    if (!this.streams.delete(stream.id)) return false;
    if (stream.abandoned) this.#postponed.ended();
    stream.state = STREAM_STATE.CLOSED;
    this.heldHeaders -= stream.headerOctets;
    this.sender.forget(stream);
    return true;
  }

  #rememberReset(streamId: number): void {
    const forgotten = this.#resetIds[this.#resetAt];
    if (forgotten !== undefined) this.#forgottenUpTo = Math.max(this.#forgottenUpTo, Math.abs(forgotten));
    this.#resetIds[this.#resetAt] = streamId;
    this.#resetAt = (this.#resetAt + 1) % REMEMBERED_RESETS;
  }

  #dropStreams(): void {
    for (const stream of this.streams.all()) this.closeStream(stream, ERROR.CANCEL, false, false);
  }

  #closeIfDrained(): void {
    // Streams whose reset is postponed end with the connection.
    if (!this.draining || this.failed || this.#shutdownPing || this.streams.size > this.#postponed.size) return;
    // The peer's GOAWAY brought us here: a stream that it opens meanwhile must be known not to have been processed (section 6.8).
    if (!this.#saidGoaway) this.#sayGoaway(this.receiver.lastPeerStreamId);
    this.failed = true;
    this.#closeReason = 'drained';
    this.#endSocket();
  }

  /** A half-closed HTTP/2 connection is of no use to either side, and Node does not write to a socket whose peer has ended. */
  #onPeerEnded(): void {
    if (!this.failed) this.#lose();
    this.#socket.end();
  }

  /** The other end is gone: every open stream is told, and nothing is written any more. */
  #lose(): void {
    this.failed = true;
    this.draining = true;
    this.#dropStreams();
    this.sender.discard();
  }

  #onSocketClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#lose();
    this.owner.onClosed(this.#closeReason);
  }
}

/** DATA that came on `source` has left us; negative octets are owed to its stream alone (`held.ts`). */
function creditWritten(source: Stream, octets: number): void {
  if (octets < 0) source.connection.creditStream(source, -octets);
  else source.connection.credit(source, octets);
}
