import { FLAG, FRAME, FRAME_HEADER_SIZE } from './frame/codes.ts';
import { readUint24, readUint31 } from './frame/read.ts';
import type { ProtocolErrorToken } from './protocol_errors.ts';

/** Takes frames apart from bytes. DATA is not collected: its parts are handed on as they arrive. */
export interface FrameSink {
  /** A whole frame of any type but DATA; the payload is `buf[start..end)`, valid only during the call. */
  frame(type: number, flags: number, streamId: number, buf: Buffer, start: number, end: number): void;
  /** The header of a DATA frame has arrived; `length` counts the padding too (that is what flow control counts). */
  dataBegin(streamId: number, flags: number, length: number): void;
  /** A part of its content; `last` with the final one, which may be empty. Never called for padding. */
  data(buf: Buffer, start: number, end: number, last: boolean): void;
  /** The bytes are no valid frame: the connection must end. */
  frameError(token: ProtocolErrorToken): void;
  /** True when nothing more is to be read. */
  readonly closed: boolean;
}

/** Splits what a socket delivers, cut anywhere, into frames (RFC 9113 section 4.1). Holds at most one frame that is not DATA. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameSize: number;
  /** A frame that arrived in pieces: header and payload, and how much of it is here and needed. */
  #partial: Buffer = Buffer.allocUnsafeSlow(FRAME_HEADER_SIZE);
  #have = 0;
  #need = FRAME_HEADER_SIZE;
  /** Inside a DATA frame: content and padding still to come; -1 when the padding length is still to be read. */
  #inData = false;
  /** Counts the frames that did not come whole in one chunk. */
  #torn = 0;
  #content = 0;
  #padding = 0;

  constructor(sink: FrameSink, maxFrameSize: number) {
    this.#sink = sink;
    this.#maxFrameSize = maxFrameSize;
  }

  /** Another number for each frame, other than DATA, of which only a part is here; 0 when there is none. */
  get unfinished(): number {
    return this.#have > 0 ? this.#torn : 0;
  }

  /** Reads the octets of `chunk` from `from` up to `end`; gives about how many frames there were. */
  read(chunk: Buffer, from: number, end: number = chunk.length): number {
    let frames = 0;
    const sink = this.#sink;
    let at = from;
    while (!sink.closed) {
      if (this.#inData) {
        at = this.#readData(chunk, at, end);
        frames++;
        if (this.#inData) break;
        continue;
      }
      if (this.#have === 0 && end - at >= FRAME_HEADER_SIZE) {
        const length = readUint24(chunk, at);
        const type = chunk[at + 3] as number;
        if (length > this.#maxFrameSize) {
          sink.frameError('frame_too_large');
          break;
        }
        if (type === FRAME.DATA) {
          this.#beginData(chunk, at, length);
          at += FRAME_HEADER_SIZE;
          continue;
        }
        const next = at + FRAME_HEADER_SIZE + length;
        if (next <= end) {
          const streamId = readUint31(chunk, at + 5);
          sink.frame(type, chunk[at + 4] as number, streamId, chunk, at + FRAME_HEADER_SIZE, next);
          at = next;
          frames++;
          continue;
        }
      }
      if (at === end) break;
      at = this.#collect(chunk, at, end);
    }
    return frames;
  }

  #beginData(buf: Buffer, at: number, length: number): void {
    const flags = buf[at + 4] as number;
    this.#inData = true;
    this.#content = length;
    this.#padding = (flags & FLAG.PADDED) !== 0 ? -1 : 0;
    this.#sink.dataBegin(readUint31(buf, at + 5), flags, length);
    if (this.#padding === -1 && length === 0) this.#sink.frameError('data_padding_too_long');
  }

  /** Hands on the part of a DATA frame that is in `chunk`; leaves `#inData` true when more is to come. */
  #readData(chunk: Buffer, from: number, end: number): number {
    let at = from;
    let begun = false;
    if (this.#padding === -1) {
      if (at === end) return at;
      const padding = chunk[at++] as number;
      this.#content -= 1 + padding;
      this.#padding = padding;
      if (this.#content < 0) {
        this.#sink.frameError('data_padding_too_long');
        return at;
      }
      begun = this.#content === 0;
    } else begun = this.#content === 0 && this.#padding === 0;
    if (this.#content > 0) {
      if (at === end) return at;
      const taken = Math.min(this.#content, end - at);
      this.#content -= taken;
      this.#sink.data(chunk, at, at + taken, this.#content === 0);
      at += taken;
    } else if (begun) {
      this.#sink.data(chunk, at, at, true);
    }
    if (this.#content === 0) {
      const skipped = Math.min(this.#padding, end - at);
      this.#padding -= skipped;
      at += skipped;
      if (this.#padding === 0) this.#inData = false;
    }
    return at;
  }

  /** Collects a frame that does not lie whole in one chunk. */
  #collect(chunk: Buffer, at: number, end: number): number {
    const taken = Math.min(this.#need - this.#have, end - at);
    if (this.#have === 0) this.#torn++;
    chunk.copy(this.#partial, this.#have, at, at + taken);
    this.#have += taken;
    if (this.#have < this.#need) return at + taken;
    const partial = this.#partial;
    if (this.#need === FRAME_HEADER_SIZE) {
      const length = readUint24(partial, 0);
      if (length > this.#maxFrameSize) {
        this.#sink.frameError('frame_too_large');
        return end;
      }
      if (partial[3] === FRAME.DATA) {
        this.#have = 0;
        this.#beginData(partial, 0, length);
        return at + taken;
      }
      if (length > 0) {
        this.#need = FRAME_HEADER_SIZE + length;
        this.#partial = Buffer.allocUnsafe(this.#need);
        partial.copy(this.#partial);
        return at + taken;
      }
    }
    const need = this.#need;
    this.#have = 0;
    this.#need = FRAME_HEADER_SIZE;
    if (need > FRAME_HEADER_SIZE) this.#partial = Buffer.allocUnsafeSlow(FRAME_HEADER_SIZE);
    this.#sink.frame(
      partial[3] as number,
      partial[4] as number,
      readUint31(partial, 5),
      partial,
      FRAME_HEADER_SIZE,
      need,
    );
    return at + taken;
  }
}
