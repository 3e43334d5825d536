import type { Stream } from '../../http2/streams/stream.ts';

/** gRFC A6: what a call may buffer to be sent again. A call with a larger request is not retried. */
export const REPLAY_LIMIT = 64 * 1024;
/** Small bodies are copied into slabs shared by many requests: one allocation for hundreds of them. */
const SLAB_SIZE = 64 * 1024;

let slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
let slabAt = 0;

/** From this many octets on, a piece gets a buffer of its own size. */
const SMALL = 1024;
const LARGEST_SHARED = 16 * 1024;

/** Octets of the body: those of `buf` up to `end`. What is there stays as it is; more may be added behind it. */
interface Piece {
  readonly buf: Buffer;
  end: number;
}

/** Where the body goes, and who is owed how much for it: see `ReplayBuffer.send`. */
interface Settlement {
  readonly to: Stream;
  readonly source: Stream;
  readonly credited: number;
  readonly settled: number;
}

/** Sends one piece, which begins at octet `at` of the body, in parts for which the same is owed. Gives the octet behind it. */
function sendPiece(
  { to, source, credited, settled }: Settlement,
  buf: Buffer,
  start: number,
  end: number,
  at: number,
  endStream: boolean,
): number {
  let from = start;
  let position = at;
  while (from < end) {
    let part = end - from;
    if (position < credited) part = Math.min(part, credited - position);
    else if (position < settled) part = Math.min(part, settled - position);
    const owed = position >= credited ? source : null;
    const last = endStream && from + part === end;
    to.connection.data(to, buf, from, from + part, last, owed, owed !== null && position < settled);
    from += part;
    position += part;
  }
  return position;
}

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
  #more: Piece[] | null = null;
  octets = 0;
  /** False when the body was too large to keep (or is not needed any more): what is sent is gone. */
  complete = true;

  add(buf: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    this.octets += length;
    if (this.#buf !== null || this.#more !== null || length > SLAB_SIZE / 4) {
      this.#append(buf, start, end);
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
    const settlement = { to, source, credited, settled };
    const more = this.#more;
    let sent = 0;
    if (this.#buf !== null) {
      sent = sendPiece(settlement, this.#buf, this.#start, this.#end, 0, endStream && more === null);
    }
    if (more === null) return;
    for (let i = 0; i < more.length; i++) {
      const { buf, end } = more[i] as Piece;
      sent = sendPiece(settlement, buf, 0, end, sent, endStream && i === more.length - 1);
    }
  }

  /** Small pieces share a buffer: a client that sends octet by octet must not make us keep an object for each. */
  #append(buf: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#more ??= [];
    const last = this.#more.at(-1);
    if (last !== undefined && last.buf.length - last.end >= length) {
      buf.copy(last.buf, last.end, start, end);
      last.end += length;
      return;
    }
    const room = length >= SMALL ? length : Math.min(LARGEST_SHARED, Math.max(4 * length, 2 * (last?.buf.length ?? 0)));
    const piece = Buffer.allocUnsafeSlow(room);
    buf.copy(piece, 0, start, end);
    this.#more.push({ buf: piece, end: length });
  }

  /** Nothing will be sent again. */
  release(): void {
    this.#buf = null;
    this.#more = null;
    this.complete = false;
  }
}
