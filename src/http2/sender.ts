import type { Duplex } from 'node:stream';
import { SendWindow } from './flow_window.ts';
import type { Flusher } from './flusher.ts';
import { DEFAULT_WINDOW, FLAG, FRAME, FRAME_HEADER_SIZE } from './frame/codes.ts';
import {
  PING_SIZE,
  RST_STREAM_SIZE,
  WINDOW_UPDATE_SIZE,
  writeFrameHeader,
  writeGoaway,
  writePing,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from './frame/write.ts';
import { hold, release } from './held.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import type { HeaderList } from './hpack/header_list.ts';
import { type Limits, MAX_UNWRITTEN } from './limits.ts';
import { Output } from './output.ts';
import { initialPeerSettings, type PeerSettings } from './settings.ts';
import { closeSide, type Stream, type WaitingData } from './streams/stream.ts';

/** A DATA frame of at least this many octets is worth a WINDOW_UPDATE even if a window cut it. */
const EARNS_UPDATES = 1024;
/** A block above this is not worth holding a slice of a much larger read buffer for: it is copied. */
const COPY_WAITING_BELOW = 16 * 1024;

/**
 * The sending half of a connection: frames into the output, within the peer's windows and frame size. What does not fit a window
 * waits on its stream; it is bounded by the credit that was granted to whoever sent it.
 */
export class Sender {
  readonly peer: PeerSettings = initialPeerSettings();
  readonly window = new SendWindow(DEFAULT_WINDOW);
  /** DATA frames sent that earn the peer its WINDOW_UPDATEs: those that it did not cut short itself. */
  dataFrames = 0;

  /** Octets of control frames, and of what else no window covers, appended since the socket last took everything. */
  #controlBacklog = 0;
  #headerBacklog = 0;
  readonly #limits: Limits;
  readonly #onBacklog: () => void;
  readonly #output: Output;
  readonly #encoder = new HpackEncoder();
  readonly #flusher: Flusher;
  readonly #onStreamDone: (stream: Stream) => void;
  readonly #onCredit: (source: Stream, octets: number) => void;
  #dirty = false;
  #ended = false;
  #afterLastWrite: (() => void) | null = null;
  /** Streams with DATA that waits for the connection's window, served in turn. Those that wait for their own are not here. */
  #queue: Stream[] = [];
  #purgeAt = 1024;

  /**
   * `onCredit`: DATA with a `source` was written, or dropped; negative octets are those whose connection credit was given back before. `onStreamDone`: END_STREAM was appended. `onBacklog`: the peer has not
   * read for so long that more waits than `limits` allow.
   */
  constructor(
    socket: Duplex,
    flusher: Flusher,
    onCredit: (source: Stream, octets: number) => void,
    onStreamDone: (stream: Stream) => void,
    limits: Limits,
    onBacklog: () => void,
  ) {
    this.#limits = limits;
    this.#onBacklog = onBacklog;
    this.#flusher = flusher;
    this.#onStreamDone = onStreamDone;
    this.#onCredit = onCredit;
    this.#output = new Output(socket, onCredit, () => this.#written());
  }

  /** How often something was handed to the socket. */
  get flushes(): number {
    return this.#output.flushes;
  }

  /** What was handed to the socket has not been taken whole. */
  get writing(): boolean {
    return this.#output.writing;
  }

  /** Octets waiting for the socket. */
  get backlog(): number {
    return this.#output.pending;
  }

  flush(): void {
    this.#dirty = false;
    const limits = this.#limits;
    const stuck = this.#controlBacklog > limits.maxBufferedControl || this.#headerBacklog > limits.maxBufferedHeaders;
    if (stuck && this.#output.writing) this.#onBacklog();
    else this.#output.flush();
  }

  /** After this nothing is appended any more; `then` runs when everything has been written. */
  end(then: () => void): void {
    this.#ended = true;
    this.#afterLastWrite = then;
    this.flush();
    if (!this.#output.writing) this.#written();
  }

  discard(): void {
    this.#ended = true;
    this.#queue = [];
    this.#output.discard();
  }

  raw(bytes: Buffer): void {
    if (this.#ended) return;
    this.#output.payload(bytes, 0, bytes.length, null, false);
    this.#mark();
  }

  settings(settings: readonly number[]): void {
    const size = FRAME_HEADER_SIZE + settings.length * 3;
    const out = this.#control(size);
    if (out !== null) this.#output.commit(writeSettings(out, this.#output.at, settings));
  }

  settingsAck(): void {
    const out = this.#control(FRAME_HEADER_SIZE);
    if (out !== null) this.#output.commit(writeSettingsAck(out, this.#output.at));
  }

  ping(ack: boolean, data: Uint8Array, start: number): void {
    const out = this.#control(PING_SIZE);
    if (out !== null) this.#output.commit(writePing(out, this.#output.at, ack, data, start));
  }

  goaway(lastStreamId: number, code: number, debug: string): void {
    const out = this.#control(FRAME_HEADER_SIZE + 8 + debug.length);
    if (out !== null) this.#output.commit(writeGoaway(out, this.#output.at, lastStreamId, code, debug));
  }

  reset(streamId: number, code: number): void {
    const out = this.#control(RST_STREAM_SIZE);
    if (out !== null) this.#output.commit(writeRstStream(out, this.#output.at, streamId, code));
  }

  windowUpdate(streamId: number, increment: number): void {
    const out = this.#control(WINDOW_UPDATE_SIZE);
    if (out !== null) this.#output.commit(writeWindowUpdate(out, this.#output.at, streamId, increment));
  }

  /** HEADERS, and CONTINUATION frames when the peer's frame size asks for them. */
  headers(stream: Stream, list: HeaderList, endStream: boolean): void {
    if (this.#ended) return;
    const output = this.#output;
    const bound = HpackEncoder.bound(list);
    const flags = endStream ? FLAG.END_STREAM : 0;
    if (bound <= this.peer.maxFrameSize) {
      const out = output.reserve(FRAME_HEADER_SIZE + bound);
      const from = output.at + FRAME_HEADER_SIZE;
      const end = this.#encoder.encode(list, out, from);
      writeFrameHeader(out, output.at, end - from, FRAME.HEADERS, flags | FLAG.END_HEADERS, stream.id);
      this.#headerBacklog += end - output.at;
      output.commit(end);
    } else {
      this.#longHeaders(stream.id, list, bound, flags);
    }
    this.#mark();
    if (endStream) this.#endLocal(stream);
  }

  #longHeaders(streamId: number, list: HeaderList, bound: number, flags: number): void {
    const block = Buffer.allocUnsafe(bound);
    const length = this.#encoder.encode(list, block, 0);
    this.#headerBacklog += length;
    let at = 0;
    do {
      const size = Math.min(length - at, this.peer.maxFrameSize);
      const last = at + size === length ? FLAG.END_HEADERS : 0;
      const out = this.#output.reserve(FRAME_HEADER_SIZE + size);
      const type = at === 0 ? FRAME.HEADERS : FRAME.CONTINUATION;
      const payload = writeFrameHeader(out, this.#output.at, size, type, (at === 0 ? flags : 0) | last, streamId);
      block.copy(out, payload, at, at + size);
      this.#output.commit(payload + size);
      at += size;
    } while (at < length);
  }

  /**
   * DATA, as far as the windows allow; the rest waits on the stream. `source`, the stream that the octets came from, gets its
   * credit when they have been written. `buf` must stay unchanged.
   */
  data(
    stream: Stream,
    buf: Buffer,
    start: number,
    end: number,
    endStream: boolean,
    source: Stream | null,
    held: boolean,
  ): void {
    let from = start;
    if (stream.waiting === null) {
      from = this.#sendNow(stream, buf, start, end, endStream, source, held);
      if (held) release(from - start);
      if (from === end) return;
    }
    if (from < end) this.#wait(stream, buf, from, end, source, held);
    if (endStream) stream.waitingEnd = true;
  }

  /** The last header block of a message: END_STREAM, after all DATA. */
  trailers(stream: Stream, list: HeaderList): void {
    if (stream.waiting === null) return this.headers(stream, list, true);
    stream.waitingTrailers = list;
    stream.waitingEnd = true;
  }

  /** The connection's window grew, or `stream`'s own did. */
  windowGrew(stream: Stream | null): void {
    if (stream !== null) {
      this.#sendWaiting(stream);
      return;
    }
    const queue = this.#queue;
    this.#queue = [];
    let served = 0;
    while (served < queue.length && this.window.available > 0 && !this.#isChoked()) {
      const waiting = queue[served++] as Stream;
      waiting.queued = false;
      this.#sendWaiting(waiting);
    }
    if (served < queue.length) this.#queue = queue.slice(served).concat(this.#queue);
  }

  /** The stream is gone: what waited on it is dropped and credited. */
  forget(stream: Stream): void {
    const waiting = stream.waiting;
    if (waiting === null) return;
    stream.waiting = null;
    stream.waitingTrailers = null;
    for (const { source, held, start, end } of waiting) {
      if (held) release(end - start);
      if (source !== null) this.#onCredit(source, held ? start - end : end - start);
    }
  }

  applyPeerSettings(previousWindow: number, streams: Iterable<Stream>): boolean {
    this.#encoder.setPeerMaxTableSize(this.peer.headerTableSize);
    const delta = this.peer.initialWindowSize - previousWindow;
    if (delta === 0) return true;
    for (const stream of streams) {
      if (!stream.sendWindow.grow(delta)) return false;
      if (delta > 0) this.#sendWaiting(stream);
    }
    return true;
  }

  #sendWaiting(stream: Stream): void {
    const waiting = stream.waiting;
    if (waiting === null) return;
    // The last piece may end the stream, and then nothing must be found here that has been sent.
    stream.waiting = null;
    const before = this.window.available;
    let done = 0;
    while (done < waiting.length) {
      const data = waiting[done] as WaitingData;
      const last = done === waiting.length - 1 && stream.waitingEnd && stream.waitingTrailers === null;
      const from = data.start;
      data.start = this.#sendNow(stream, data.buf, from, data.end, last, data.source, data.held, data.owned);
      if (data.held) release(data.start - from);
      if (data.start < data.end) break;
      done++;
    }
    if (done === waiting.length) {
      const trailers = stream.waitingTrailers;
      stream.waitingTrailers = null;
      if (trailers !== null) this.headers(stream, trailers, true);
      return;
    }
    if (this.window.available < before) stream.stalledAt = 0;
    if (done > 0) waiting.splice(0, done);
    stream.waiting = waiting;
    this.#enqueue(stream);
  }

  /** Sends what the windows allow now and returns where it stopped. */
  #sendNow(
    stream: Stream,
    buf: Buffer,
    start: number,
    end: number,
    endStream: boolean,
    source: Stream | null,
    held: boolean,
    owned = false,
  ): number {
    if (this.#ended) return end;
    const output = this.#output;
    const streamWindow = stream.sendWindow;
    const allowed = this.#isChoked() ? 0 : Math.min(end - start, streamWindow.available, this.window.available);
    const stop = allowed > 0 ? start + allowed : start;
    let at = start;
    while (at < stop || (at === end && start === end)) {
      const size = Math.min(stop - at, this.peer.maxFrameSize);
      const next = at + size;
      const flags = endStream && next === end ? FLAG.END_STREAM : 0;
      // Room for a small payload too, so that the two are not torn apart.
      const out = output.reserve(FRAME_HEADER_SIZE + 64);
      output.commit(writeFrameHeader(out, output.at, size, FRAME.DATA, flags, stream.id));
      if (size > 0) output.payload(buf, at, next, source, held, owned);
      if (source === null) this.#headerBacklog += size;
      if (next === end || size >= EARNS_UPDATES) this.dataFrames++;
      at = next;
      if (start === end) break;
    }
    streamWindow.available -= at - start;
    this.window.available -= at - start;
    this.#mark();
    if (endStream && at === end) this.#endLocal(stream);
    return at;
  }

  #wait(stream: Stream, buf: Buffer, start: number, end: number, source: Stream | null, heldBefore: boolean): void {
    // A small piece must not keep a whole read buffer alive: what is held is what the windows account for.
    const volatile = source?.connection.volatile === true;
    const owned = volatile || (end - start < COPY_WAITING_BELOW && buf.length > 2 * (end - start));
    let held = heldBefore;
    if (!held && source !== null && hold(end - start)) {
      held = true;
      source.connection.creditConnection(end - start);
    }
    if (stream.waiting === null) {
      stream.stalledAt = 0;
      stream.waiting = [];
    } else if (appended(stream.waiting.at(-1), buf, start, end, source, held)) return;
    stream.waiting.push(
      owned
        ? { buf: Buffer.from(buf.subarray(start, end)), start: 0, end: end - start, source, held, owned }
        : { buf, start, end, source, held, owned },
    );
    this.#enqueue(stream);
  }

  #enqueue(stream: Stream): void {
    if (stream.queued || stream.sendWindow.available <= 0) return;
    stream.queued = true;
    if (this.#queue.length >= this.#purgeAt) {
      // Streams that were reset while they stood here.
      this.#queue = this.#queue.filter((queued) => queued.waiting !== null);
      this.#purgeAt = Math.max(1024, 2 * this.#queue.length);
    }
    this.#queue.push(stream);
  }

  /** The socket takes less than comes: DATA waits on its stream, where it can be joined, dropped, and told from what others wait for. */
  #isChoked(): boolean {
    return this.#output.pending > MAX_UNWRITTEN && this.#output.writing;
  }

  #endLocal(stream: Stream): void {
    stream.state = closeSide(stream.state, 'local');
    this.#onStreamDone(stream);
  }

  #control(octets: number): Buffer | null {
    if (this.#ended) return null;
    this.#controlBacklog += octets;
    this.#mark();
    return this.#output.reserve(octets);
  }

  #mark(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#flusher.mark(this);
  }

  #written(): void {
    this.#controlBacklog = 0;
    this.#headerBacklog = 0;
    if (this.#output.pending > 0) this.#output.flush();
    if (this.#queue.length > 0 && this.window.available > 0) this.windowGrew(null);
    if (this.#output.writing) return;
    const then = this.#afterLastWrite;
    this.#afterLastWrite = null;
    if (then !== null) then();
  }
}

/**
 * Joins a small piece to the one that waits before it, if that is of the same kind and a copy of ours: a peer that sends octet by octet
 * must not make us keep an object for each.
 */
function appended(
  last: WaitingData | undefined,
  buf: Buffer,
  start: number,
  end: number,
  source: Stream | null,
  held: boolean,
): boolean {
  if (last === undefined || !last.owned || last.source !== source || last.held !== held) return false;
  const total = last.end + end - start;
  if (total > COPY_WAITING_BELOW) return false;
  if (last.buf.length < total) {
    const larger = Buffer.allocUnsafeSlow(Math.min(2 * total, COPY_WAITING_BELOW));
    last.buf.copy(larger, last.start, last.start, last.end);
    last.buf = larger;
  }
  buf.copy(last.buf, last.end, start, end);
  last.end = total;
  return true;
}
