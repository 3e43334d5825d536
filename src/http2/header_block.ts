import type { Limits } from './limits.ts';
import type { ProtocolErrorToken } from './protocol_errors.ts';

/** A header block that spans CONTINUATION frames (RFC 9113 section 6.10), collected within bounds. */
export class HeaderBlock {
  /** The stream whose block is being collected; 0 when none is. */
  streamId = 0;
  endStream = false;
  /** Counts the blocks that were begun. */
  begun = 0;
  readonly #limits: Limits;
  #parts: Buffer[] = [];
  #octets = 0;
  #frames = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  begin(streamId: number, endStream: boolean): void {
    this.streamId = streamId;
    this.endStream = endStream;
    this.begun++;
    this.#octets = 0;
    this.#frames = 0;
  }

  /** Adds a fragment (copied); returns why it is refused, or null. */
  add(buf: Buffer, start: number, end: number): ProtocolErrorToken | null {
    this.#octets += end - start;
    if (this.#octets > this.#limits.maxHeaderBlock) return 'header_block_too_large';
    if (++this.#frames > this.#limits.maxContinuations + 1) return 'continuation_flood';
    if (end > start) this.#parts.push(Buffer.from(buf.subarray(start, end)));
    return null;
  }

  /** The whole block; the collection is empty afterwards. */
  finish(): Buffer {
    const block = Buffer.concat(this.#parts, this.#octets);
    this.#parts = [];
    this.streamId = 0;
    return block;
  }
}
