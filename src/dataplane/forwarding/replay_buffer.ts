import type { Stream } from '../../http2/streams/stream.ts';

/** gRFC A6: what a call may buffer to be sent again. A call with a larger request is not retried. */
export const REPLAY_LIMIT = 64 * 1024;
/** Small bodies are copied into slabs shared by many requests: one allocation for hundreds of them. */
const SLAB_SIZE = 64 * 1024;

let slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
let slabAt = 0;

/**
 * The request body that has arrived, kept until the call is committed: to be sent once an instance is found, and to be sent
 * again if that instance certainly did not process it. What arrives before the first attempt is bounded by the stream's window,
 * since none of it is credited until it has been sent.
 */
export class ReplayBuffer {
  /** The first piece inline: nearly every unary request is a single one. */
  #buf: Buffer | null = null;
  #start = 0;
  #end = 0;
  #more: Buffer[] | null = null;
  octets = 0;
  /** False when the body was too large to keep (or is not needed any more): what is sent is gone. */
  complete = true;

  add(buf: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    this.octets += length;
    if (this.#buf !== null || length > SLAB_SIZE / 4) {
      const copy = Buffer.from(buf.subarray(start, end));
      if (this.#more === null) this.#more = [copy];
      else this.#more.push(copy);
      return;
    }
    if (slabAt + length > SLAB_SIZE) {
      slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
      slabAt = 0;
    }
    const target = slab;
    const at = slabAt;
    if (length < 96) for (let i = 0; i < length; i++) target[at + i] = buf[start + i] as number;
    else buf.copy(target, at, start, end);
    this.#buf = target;
    this.#start = at;
    this.#end = at + length;
    slabAt = at + length;
  }

  /**
   * Sends all of it on `to`. The first `credited` octets were given to an attempt before, which has settled their credit; of the rest,
   * `source` is owed the stream's part up to `settled`, and all of it from there on.
   */
  send(to: Stream, endStream: boolean, source: Stream, credited: number, settled: number): void {
    let sent = 0;
    const more = this.#more;
    if (this.#buf !== null) {
      const owed = credited === 0 ? source : null;
      to.connection.data(
        to,
        this.#buf,
        this.#start,
        this.#end,
        endStream && more === null,
        owed,
        owed !== null && settled > 0,
      );
      sent = this.#end - this.#start;
    }
    if (more === null) return;
    for (let i = 0; i < more.length; i++) {
      const piece = more[i] as Buffer;
      const owed = sent >= credited ? source : null;
      const last = endStream && i === more.length - 1;
      to.connection.data(to, piece, 0, piece.length, last, owed, owed !== null && sent < settled);
      sent += piece.length;
    }
  }

  /** Nothing will be sent again. */
  release(): void {
    this.#buf = null;
    this.#more = null;
    this.complete = false;
  }
}
