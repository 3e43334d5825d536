import { performance } from 'node:perf_hooks';
import { Budget } from './budget.ts';
import type { Connection } from './connection.ts';
import { ReceiveWindow } from './flow_window.ts';
import { DEFAULT_WINDOW, ERROR, FLAG, FRAME, INITIAL_HEADER_TABLE_SIZE } from './frame/codes.ts';
import { readUint31, readUint32 } from './frame/read.ts';
import type { FrameSink } from './frame_reader.ts';
import { HeaderBlock } from './header_block.ts';
import { type MessagePart, messageHead } from './header_rules.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import type { HeaderList } from './hpack/header_list.ts';
import type { Limits } from './limits.ts';
import type { ProtocolErrorToken } from './protocol_errors.ts';
import { readSettings } from './settings.ts';
import type { Stream } from './streams/stream.ts';

const now = (): number => performance.now();
/** Resets that a header list beyond the limit counts as: it has to be decoded to its end. */
const TOO_LARGE_COST = 10;
/** A stream that its client resets sooner than this after it was opened, in milliseconds, counts as a rapid reset (CVE-2023-44487). */
const RAPID_RESET = 100;

/**
 * The receiving half of a connection: every frame the peer sends, held against RFC 9113, turned into calls to the owner.
 * A breach that concerns one stream ends the stream; one that concerns the connection ends the connection.
 */
export class Receiver implements FrameSink {
  readonly window: ReceiveWindow;
  /** What new streams get; ours once the peer has acknowledged it (section 6.9.2). */
  initialWindow = DEFAULT_WINDOW;
  /** The highest stream id that the peer opened. */
  lastPeerStreamId = 0;

  readonly #connection: Connection;
  readonly #limits: Limits;
  readonly #decoder: HpackDecoder;
  readonly #block: HeaderBlock;
  readonly #overhead: Budget;
  readonly #resets: Budget;
  #settingsReceived = false;
  #chunkAt = 0;
  #settingsAcks = 1;
  #goawayLastId = 0x7fffffff;
  /** Streams that the peer opened: when ids have no gaps, a lower id is one that was closed. */
  #opened = 0;
  /** WINDOW_UPDATEs that came for nothing but what we sent. */
  #windowUpdates = 0;
  /** The stream whose DATA frame is arriving; null when its octets are to be dropped. */
  #dataStream: Stream | null = null;
  #dataEnds = false;
  /** Octets of a padded DATA frame that were not content so far. */
  #paddedLeft = 0;
  #dataPadded = false;

  constructor(connection: Connection, limits: Limits) {
    this.#connection = connection;
    this.#limits = limits;
    this.#decoder = new HpackDecoder(INITIAL_HEADER_TABLE_SIZE, limits.maxHeaderListSize);
    this.#block = new HeaderBlock(limits);
    this.window = new ReceiveWindow(limits.connectionWindow);
    const at = now();
    this.#overhead = new Budget(limits.maxOverheadFrames, at);
    this.#resets = new Budget(limits.maxResets, at);
  }

  /** The peer could fill the window of one more stream: false when so much is unread that its answer might not come through. */
  get roomForStream(): boolean {
    return this.window.available >= Math.min(this.#limits.streamWindow, this.#limits.connectionWindow / 2);
  }

  /** Whether `roomForStream` was true before `increment` octets of credit were given back. */
  hadRoomBefore(increment: number): boolean {
    return this.window.available - increment >= Math.min(this.#limits.streamWindow, this.#limits.connectionWindow / 2);
  }

  /** Another number for each header block of which only a part is here; 0 when there is none. */
  get unfinishedBlock(): number {
    return this.#block.streamId === 0 ? 0 : this.#block.begun;
  }

  /** Other octets are about to be read: time may have passed. */
  nextChunk(): void {
    this.#chunkAt = 0;
  }

  /** Monotonic milliseconds, read once per chunk. */
  #time(): number {
    if (this.#chunkAt === 0) this.#chunkAt = now();
    return this.#chunkAt;
  }

  get closed(): boolean {
    return this.#connection.failed;
  }

  frameError(token: ProtocolErrorToken): void {
    const size = token === 'frame_too_large';
    this.#connection.fail(size ? ERROR.FRAME_SIZE_ERROR : ERROR.PROTOCOL_ERROR, token);
  }

  frame(type: number, flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    if (this.#block.streamId !== 0 && type !== FRAME.CONTINUATION) return this.#protocol('continuation_expected');
    if (!this.#settingsReceived && type !== FRAME.SETTINGS) return this.#protocol('first_frame_not_settings');
    switch (type) {
      case FRAME.HEADERS:
        return this.#headers(flags, streamId, buf, start, end);
      case FRAME.PRIORITY:
        return this.#priority(streamId, buf, start, end);
      case FRAME.RST_STREAM:
        return this.#rstStream(streamId, buf, start, end);
      case FRAME.SETTINGS:
        return this.#settings(flags, streamId, buf, start, end);
      case FRAME.PUSH_PROMISE:
        return this.#protocol('push_promise');
      case FRAME.PING:
        return this.#ping(flags, streamId, buf, start, end);
      case FRAME.GOAWAY:
        return this.#goaway(streamId, buf, start, end);
      case FRAME.WINDOW_UPDATE:
        return this.#windowUpdate(streamId, buf, start, end);
      case FRAME.CONTINUATION:
        return this.#continuation(flags, streamId, buf, start, end);
      default:
        // Unknown types are ignored (section 4.1), but not for free.
        this.#spend();
    }
  }

  // DATA, section 6.1

  dataBegin(streamId: number, flags: number, length: number): void {
    this.#dataStream = null;
    if (this.#block.streamId !== 0) return this.#protocol('continuation_expected');
    if (!this.#settingsReceived) return this.#protocol('first_frame_not_settings');
    if (streamId === 0) return this.#protocol('data_on_stream_zero');
    if (!this.window.receive(length)) {
      return this.#connection.fail(ERROR.FLOW_CONTROL_ERROR, 'data_beyond_connection_window');
    }
    this.#dataEnds = (flags & FLAG.END_STREAM) !== 0;
    if (length === 0 && !this.#dataEnds && !this.#spend()) return;
    const stream = this.#connection.streams.get(streamId);
    if (stream === undefined) {
      if (this.#connection.isIdle(streamId)) return this.#protocol('data_on_idle_stream');
      this.#connection.creditConnection(length);
      if (!this.#connection.wasReset(streamId))
        this.#rejectClosed(streamId, 'data_on_closed_stream', 'data_on_ended_stream');
      return;
    }
    if (!stream.readable) {
      this.#connection.creditConnection(length);
      return this.#rejectStream(stream, ERROR.STREAM_CLOSED, 'data_on_closed_stream');
    }
    if (!stream.receiveWindow.receive(length)) {
      this.#connection.creditConnection(length);
      return this.#rejectStream(stream, ERROR.FLOW_CONTROL_ERROR, 'data_beyond_stream_window');
    }
    if (!stream.headersReceived) {
      this.#connection.creditConnection(length);
      return this.#rejectStream(stream, ERROR.PROTOCOL_ERROR, 'data_before_headers');
    }
    this.#dataStream = stream;
    // The owner never sees padding, so it is credited here, once the content has ended and its length is known.
    this.#dataPadded = (flags & FLAG.PADDED) !== 0;
    this.#paddedLeft = this.#dataPadded ? length : 0;
  }

  data(buf: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.#dataStream;
    if (stream === null) return;
    const length = end - start;
    if (this.#paddedLeft > 0) {
      this.#paddedLeft -= length;
      if (last) {
        this.#connection.credit(stream, this.#paddedLeft);
        this.#paddedLeft = 0;
      }
    }
    // Reset by our owner while the frame was arriving in parts.
    if (!stream.readable) {
      this.#connection.creditConnection(length);
      return;
    }
    const ends = last && this.#dataEnds;
    if (stream.expectedOctets >= 0) {
      stream.expectedOctets -= length;
      if (stream.expectedOctets < 0 || (ends && stream.expectedOctets !== 0)) {
        const token = stream.expectedOctets < 0 ? 'data_beyond_content_length' : 'data_short_of_content_length';
        this.#connection.creditConnection(length);
        return this.#rejectStream(stream, ERROR.PROTOCOL_ERROR, token);
      }
    }
    if (length === 0 && !ends) {
      // Nothing but padding is as empty as nothing.
      if (this.#dataPadded) this.#spend();
      return;
    }
    this.#connection.deliverData(stream, buf, start, end, ends);
  }

  // HEADERS and CONTINUATION, sections 6.2 and 6.10

  #headers(flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    if (streamId === 0) return this.#protocol('headers_on_stream_zero');
    let from = start;
    let to = end;
    if ((flags & FLAG.PADDED) !== 0) {
      if (from === to) return this.#connection.fail(ERROR.FRAME_SIZE_ERROR, 'headers_too_short');
      to -= buf[from++] as number;
      if (to < from) return this.#protocol('headers_padding_too_long');
    }
    if ((flags & FLAG.PRIORITY) !== 0) {
      if (to - from < 5) return this.#connection.fail(ERROR.FRAME_SIZE_ERROR, 'headers_too_short');
      if (readUint31(buf, from) === streamId) return this.#protocol('headers_self_dependency');
      from += 5;
    }
    const endStream = (flags & FLAG.END_STREAM) !== 0;
    if ((flags & FLAG.END_HEADERS) !== 0) return this.#headerBlock(streamId, endStream, buf, from, to);
    this.#block.begin(streamId, endStream);
    this.#addFragment(buf, from, to);
  }

  #continuation(flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    if (this.#block.streamId === 0 || this.#block.streamId !== streamId) {
      return this.#protocol('continuation_unexpected');
    }
    if (!this.#addFragment(buf, start, end)) return;
    if ((flags & FLAG.END_HEADERS) === 0) return;
    const endStream = this.#block.endStream;
    const block = this.#block.finish();
    this.#headerBlock(streamId, endStream, block, 0, block.length);
  }

  #addFragment(buf: Buffer, start: number, end: number): boolean {
    const refused = this.#block.add(buf, start, end);
    if (refused !== null) this.#connection.fail(ERROR.ENHANCE_YOUR_CALM, refused);
    return refused === null;
  }

  #headerBlock(streamId: number, endStream: boolean, buf: Buffer, start: number, end: number): void {
    const connection = this.#connection;
    const stream = connection.streams.get(streamId);
    const crossed = stream === undefined && this.#crossed(streamId);
    const closed = stream === undefined && !crossed && this.#isClosedOfOurs(streamId);
    if (stream === undefined && !crossed && !closed && !this.#newStreamIdOk(streamId)) return;
    // Decoded whatever becomes of the stream: the dynamic table is the connection's (RFC 7541 section 2.2).
    const list = this.#decoder.decode(buf, start, end);
    if (list === null) return connection.fail(ERROR.COMPRESSION_ERROR, this.#decoder.error as ProtocolErrorToken);
    if (crossed) {
      this.#spend();
      return;
    }
    if (closed) return this.#rejectClosed(streamId, 'headers_on_closed_stream', 'headers_on_ended_stream');
    if (stream === undefined) return this.#request(streamId, list, endStream);
    if (!stream.readable) return this.#rejectStream(stream, ERROR.STREAM_CLOSED, 'headers_after_end_stream');
    if (stream.headersReceived) return this.#trailers(stream, list, endStream);
    this.#response(stream, list, endStream);
  }

  /** An answer, or trailers, that were under way when we reset the stream; or a request after our GOAWAY (section 6.8). */
  #crossed(streamId: number): boolean {
    const connection = this.#connection;
    // Asked for every request: a stream that is new cannot have been reset.
    if (connection.server && streamId > this.lastPeerStreamId && connection.acceptsStream(streamId)) return false;
    return !connection.isIdle(streamId) && connection.wasReset(streamId);
  }

  /** Client role: a stream that both sides have ended, or the peer alone: nothing may come on it any more. */
  #isClosedOfOurs(streamId: number): boolean {
    return !this.#connection.server && !this.#connection.isIdle(streamId);
  }

  /** Section 5.1.1: odd, and above all before. */
  #newStreamIdOk(streamId: number): boolean {
    if (!this.#connection.server) {
      this.#protocol('headers_on_idle_stream');
      return false;
    }
    if (streamId % 2 === 0) {
      this.#protocol('stream_id_even');
      return false;
    }
    if (streamId <= this.lastPeerStreamId) {
      const noGaps = this.#opened * 2 - 1 === this.lastPeerStreamId;
      if (noGaps) this.#connection.fail(ERROR.STREAM_CLOSED, 'headers_on_closed_stream');
      else this.#protocol('stream_id_backwards');
      return false;
    }
    this.lastPeerStreamId = streamId;
    this.#opened++;
    return true;
  }

  #request(streamId: number, list: HeaderList, endStream: boolean): void {
    const connection = this.#connection;
    if (connection.streams.size >= this.#limits.maxConcurrentStreams) {
      return this.#rejectStreamId(streamId, ERROR.REFUSED_STREAM, 'streams_beyond_limit');
    }
    if (connection.heldHeaders + list.size > this.#limits.maxHeldHeaders) {
      return this.#rejectStreamId(streamId, ERROR.REFUSED_STREAM, 'headers_beyond_limit');
    }
    if (list.tooLarge) {
      connection.rejectTooLarge(streamId, endStream);
      return this.#spendReset(TOO_LARGE_COST);
    }
    const head = messageHead(list, 'request');
    if (head.error !== null) return this.#rejectStreamId(streamId, ERROR.PROTOCOL_ERROR, head.error);
    if (endStream && head.contentLength > 0) {
      return this.#rejectStreamId(streamId, ERROR.PROTOCOL_ERROR, 'data_short_of_content_length');
    }
    const stream = connection.addPeerStream(streamId, endStream);
    stream.headersReceived = true;
    stream.headerOctets = list.size;
    connection.heldHeaders += list.size;
    stream.openedAt = this.#time();
    stream.expectedOctets = head.contentLength;
    connection.owner.onRequest(stream, list, head, endStream);
  }

  #response(stream: Stream, list: HeaderList, endStream: boolean): void {
    const connection = this.#connection;
    const error = this.#check(list, 'response');
    if (error !== null) return this.#rejectStream(stream, ERROR.PROTOCOL_ERROR, error);
    const head = messageHead(list, 'response');
    if (head.status < 200) {
      // 101 does not exist in HTTP/2 (section 8.6), and an interim answer cannot be the end (section 8.1).
      if (endStream || head.status === 101)
        return this.#rejectStream(stream, ERROR.PROTOCOL_ERROR, 'pseudo_status_bad');
      if (this.#spend()) connection.owner.onInformational(stream, list);
      return;
    }
    stream.headersReceived = true;
    // Whatever content-length says, nothing follows these (RFC 9110 section 6.4.1).
    const bodyless = stream.noResponseBody || head.status === 204 || head.status === 304;
    stream.expectedOctets = bodyless ? 0 : head.contentLength;
    if (endStream && stream.expectedOctets > 0) {
      return this.#rejectStream(stream, ERROR.PROTOCOL_ERROR, 'data_short_of_content_length');
    }
    connection.deliverResponse(stream, list, head, endStream);
  }

  #trailers(stream: Stream, list: HeaderList, endStream: boolean): void {
    if (!endStream) return this.#rejectStream(stream, ERROR.PROTOCOL_ERROR, 'trailers_without_end_stream');
    const error = this.#check(list, 'trailers');
    if (error !== null) return this.#rejectStream(stream, ERROR.PROTOCOL_ERROR, error);
    if (stream.expectedOctets > 0) {
      return this.#rejectStream(stream, ERROR.PROTOCOL_ERROR, 'data_short_of_content_length');
    }
    this.#connection.deliverTrailers(stream, list);
  }

  #check(list: HeaderList, part: MessagePart): ProtocolErrorToken | null {
    return list.tooLarge ? 'header_list_too_large' : messageHead(list, part).error;
  }

  // The other frames

  /** Section 6.3. Deprecated and ignored, but its form is still checked. */
  #priority(streamId: number, buf: Buffer, start: number, end: number): void {
    if (streamId === 0) return this.#protocol('priority_on_stream_zero');
    if (end - start !== 5) return this.#rejectStreamId(streamId, ERROR.FRAME_SIZE_ERROR, 'priority_size');
    if (readUint31(buf, start) === streamId) {
      return this.#rejectStreamId(streamId, ERROR.PROTOCOL_ERROR, 'priority_self_dependency');
    }
    this.#spend();
  }

  /** Section 6.4. */
  #rstStream(streamId: number, buf: Buffer, start: number, end: number): void {
    if (streamId === 0) return this.#protocol('rst_stream_on_stream_zero');
    if (end - start !== 4) return this.#connection.fail(ERROR.FRAME_SIZE_ERROR, 'rst_stream_size');
    const stream = this.#connection.streams.get(streamId);
    if (stream === undefined) {
      if (this.#connection.isIdle(streamId)) return this.#protocol('rst_stream_on_idle_stream');
      this.#spend();
      return;
    }
    const code = readUint32(buf, start);
    // Calls that run into their deadlines are no attack, even when all that may be open do so at once.
    const rapid = this.#time() - stream.openedAt < RAPID_RESET;
    this.#connection.closeStream(stream, code, true, code === ERROR.REFUSED_STREAM);
    if (rapid) this.#spendReset();
    else this.#spend();
  }

  /** Section 6.5. */
  #settings(flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    const connection = this.#connection;
    if (streamId !== 0) return this.#protocol('settings_on_stream');
    if ((flags & FLAG.ACK) !== 0) {
      if (end !== start) return connection.fail(ERROR.FRAME_SIZE_ERROR, 'settings_ack_with_payload');
      if (!this.#settingsReceived) return this.#protocol('first_frame_not_settings');
      if (this.#settingsAcks-- === 0) return this.#protocol('settings_ack_unexpected');
      return this.#ownSettingsAcknowledged();
    }
    if ((end - start) % 6 !== 0) return connection.fail(ERROR.FRAME_SIZE_ERROR, 'settings_size');
    const first = !this.#settingsReceived;
    this.#settingsReceived = true;
    if (!first && !this.#spend()) return;
    const peer = connection.sender.peer;
    const previousWindow = peer.initialWindowSize;
    const refused = readSettings(buf, start, end, connection.server, peer);
    if (refused !== null) {
      const window = refused === 'settings_initial_window';
      return connection.fail(window ? ERROR.FLOW_CONTROL_ERROR : ERROR.PROTOCOL_ERROR, refused);
    }
    connection.sender.settingsAck();
    // What a changed window costs grows with the streams.
    const { streams } = connection;
    if (!first && peer.initialWindowSize !== previousWindow && !this.#spend(1 + (streams.size >>> 5))) return;
    if (!connection.sender.applyPeerSettings(previousWindow, streams.all())) {
      return connection.fail(ERROR.FLOW_CONTROL_ERROR, 'settings_initial_window_overflow');
    }
    if (first) connection.owner.onReady();
    else connection.owner.onCapacityChanged();
  }

  #ownSettingsAcknowledged(): void {
    this.#decoder.setMaxTableSize(this.#limits.headerTableSize);
    const size = this.#limits.streamWindow;
    this.initialWindow = size;
    for (const stream of this.#connection.streams.all()) stream.receiveWindow.resize(size);
  }

  /** Section 6.7. */
  #ping(flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    if (streamId !== 0) return this.#protocol('ping_on_stream');
    if (end - start !== 8) return this.#connection.fail(ERROR.FRAME_SIZE_ERROR, 'ping_size');
    if (!this.#spend()) return;
    if ((flags & FLAG.ACK) !== 0) this.#connection.pong(buf, start);
    else this.#connection.sender.ping(true, buf, start);
  }

  /** Section 6.8. */
  #goaway(streamId: number, buf: Buffer, start: number, end: number): void {
    if (streamId !== 0) return this.#protocol('goaway_on_stream');
    if (end - start < 8) return this.#connection.fail(ERROR.FRAME_SIZE_ERROR, 'goaway_size');
    const lastId = readUint31(buf, start);
    if (lastId > this.#goawayLastId) return this.#protocol('goaway_last_id_grew');
    if (!this.#spend()) return;
    this.#goawayLastId = lastId;
    const debugEnd = Math.min(end, start + 8 + 128);
    this.#connection.peerGoaway(lastId, readUint32(buf, start + 4), buf.toString('latin1', start + 8, debugEnd));
  }

  /** Section 6.9. */
  #windowUpdate(streamId: number, buf: Buffer, start: number, end: number): void {
    const connection = this.#connection;
    if (end - start !== 4) return connection.fail(ERROR.FRAME_SIZE_ERROR, 'window_update_size');
    const increment = readUint31(buf, start);
    if (!this.#windowUpdateEarned() && !this.#spend()) return;
    if (streamId === 0) {
      if (increment === 0) return this.#protocol('window_update_zero_on_connection');
      if (!connection.sender.window.grow(increment)) {
        return connection.fail(ERROR.FLOW_CONTROL_ERROR, 'window_overflow_connection');
      }
      return connection.sender.windowGrew(null);
    }
    const stream = connection.streams.get(streamId);
    if (stream === undefined) {
      if (connection.isIdle(streamId)) return this.#protocol('window_update_on_idle_stream');
      return;
    }
    if (increment === 0) return this.#rejectStream(stream, ERROR.PROTOCOL_ERROR, 'window_update_zero');
    if (!stream.sendWindow.grow(increment)) {
      return this.#rejectStream(stream, ERROR.FLOW_CONTROL_ERROR, 'window_overflow_stream');
    }
    connection.sender.windowGrew(stream);
  }

  /**
   * An honest peer sends two for each DATA frame, of its stream and the connection, and two when a stream begins. Frames that its own
   * windows cut to less than a KiB earn nothing: windows that open octet by octet are an attack (CVE-2019-9511).
   */
  #windowUpdateEarned(): boolean {
    const earned =
      2 * (this.#connection.sender.dataFrames + (this.#connection.server ? this.#opened : this.#connection.opened));
    if (this.#windowUpdates >= earned) return false;
    // What was earned long ago must not become a flood.
    this.#windowUpdates = Math.max(this.#windowUpdates + 1, earned - this.#limits.maxOverheadFrames);
    return true;
  }

  // Verdicts

  #protocol(token: ProtocolErrorToken): void {
    this.#connection.fail(ERROR.PROTOCOL_ERROR, token);
  }

  #rejectStream(stream: Stream, code: number, token: ProtocolErrorToken): void {
    this.#connection.rejectStream(stream, code, token);
    this.#spendReset();
  }

  /** The same for an id whose stream may be gone. RST_STREAM must not be sent for an idle one (section 6.4): that ends the connection. */
  #rejectStreamId(streamId: number, code: number, token: ProtocolErrorToken): void {
    if (this.#connection.isIdle(streamId)) return this.#connection.fail(code, token);
    this.#connection.rejectStreamId(streamId, code, token);
    this.#spendReset();
  }

  /**
   * Section 5.1, closed: a stream error on one that the peer has reset, a connection error on one that it has ended. A client of ours
   * always gets the milder one: its other calls are not to blame.
   */
  #rejectClosed(streamId: number, token: ProtocolErrorToken, ofConnection: ProtocolErrorToken): void {
    const connection = this.#connection;
    if (connection.server || connection.wasResetByPeer(streamId)) {
      return this.#rejectStreamId(streamId, ERROR.STREAM_CLOSED, token);
    }
    connection.fail(ERROR.STREAM_CLOSED, ofConnection);
  }

  /** One frame that carries nothing, or one that costs like several; false when there were too many and the connection has ended. */
  #spend(cost = 1): boolean {
    if (this.#overhead.take(this.#time(), cost)) return true;
    this.#connection.fail(ERROR.ENHANCE_YOUR_CALM, 'overhead_flood');
    return false;
  }

  #spendReset(cost = 1): void {
    if (!this.#resets.take(this.#time(), cost)) this.#connection.fail(ERROR.ENHANCE_YOUR_CALM, 'reset_flood');
  }
}
