import type { Duplex } from 'node:stream';
import { Credits } from './credits.ts';
import type { Stream } from './streams/stream.ts';

/** Size of an output buffer. Most flushes fit one; more are chained. */
const BUFFER_SIZE = 32 * 1024;
/** Buffers kept for reuse per thread; beyond that they go to the garbage collector. */
const MAX_FREE_BUFFERS = 256;
/** From this many octets on, DATA goes out as a slice of the buffer it was read into, not as a copy. */
const SLICE_THRESHOLD = 4 * 1024;

const free: Buffer[] = [];

function takeBuffer(): Buffer {
  // Not from Node's shared pool: these live long and must own their memory.
  return free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_SIZE);
}

function giveBuffer(buffer: Buffer): void {
  if (buffer.length === BUFFER_SIZE && free.length < MAX_FREE_BUFFERS) free.push(buffer);
}

/**
 * What a connection is about to write. Frames are appended to a buffer taken from a pool of the thread; `flush` hands all of it
 * to the socket in one write, and the buffers come back when that write has completed. Only one write is under way at a time:
 * what is appended meanwhile goes with the next one, so a slow socket is seen at once, and the credit for DATA is given back
 * to whoever sent it only when the socket took it.
 */
export class Output {
  /** The buffer that is being filled and the offset of its first free octet; use after `reserve`. */
  buffer: Buffer | null = null;
  at = 0;
  /** True while a write has not completed. */
  writing = false;
  /** Octets appended and not yet handed to the socket. */
  pending = 0;
  /** Counts the writes. */
  flushes = 0;

  readonly #socket: Duplex;
  readonly #written: () => void;
  /** Start of the part of `buffer` that is not in `#segments` yet. */
  #from = 0;
  #segments: Buffer[] = [];
  /** Full buffers of ours, to be returned to the pool with the next completed write. */
  #full: Buffer[] = [];
  /** What the write under way was made from: one buffer, as nearly always, or several. */
  #inFlight: Buffer | null = null;
  #moreInFlight: Buffer[] = [];
  /** Whom to credit when the next write, and the one under way, have completed. */
  #credits = new Credits();
  #creditsInFlight = new Credits();
  readonly #onCredit: (stream: Stream, octets: number) => void;
  readonly #onWritten = (error?: Error | null): void => this.#completed(error);

  constructor(socket: Duplex, onCredit: (stream: Stream, octets: number) => void, onWritten: () => void) {
    this.#socket = socket;
    this.#onCredit = onCredit;
    this.#written = onWritten;
  }

  /** Makes room for `octets` at `buffer[at]`. A request for more than a buffer holds gets one of its own. */
  reserve(octets: number): Buffer {
    const buffer = this.buffer;
    if (buffer !== null && buffer.length - this.at >= octets) return buffer;
    return this.#nextBuffer(octets);
  }

  /** Tells that the frames written from the offset that `reserve` left now end at `end`. */
  commit(end: number): void {
    this.pending += end - this.at;
    this.at = end;
  }

  /**
   * Appends payload octets, which stay valid and unchanged until they are written. `source` is credited then; only its stream, not its
   * connection, if `held`. `owned`: a copy already, wherever it came from.
   */
  payload(buf: Buffer, start: number, end: number, source: Stream | null, held: boolean, owned = false): void {
    const length = end - start;
    if (length < SLICE_THRESHOLD || (!owned && source?.connection.volatile === true)) {
      if (length > BUFFER_SIZE / 2) return this.#copy(buf, start, end, source, held);
      const out = this.reserve(length);
      if (length < 64) {
        let at = this.at;
        for (let i = start; i < end; i++) out[at++] = buf[i] as number;
      } else {
        buf.copy(out, this.at, start, end);
      }
      this.commit(this.at + length);
    } else {
      this.#cut();
      this.#segments.push(start === 0 && end === buf.length ? buf : buf.subarray(start, end));
      this.pending += length;
    }
    if (source !== null) this.#credits.add(source, held ? -length : length);
  }

  /** Appends a large payload that must be copied, filling buffers to their end. */
  #copy(buf: Buffer, start: number, end: number, source: Stream | null, held: boolean): void {
    let at = start;
    while (at < end) {
      const out = this.reserve(1);
      const size = Math.min(end - at, out.length - this.at);
      buf.copy(out, this.at, at, at + size);
      this.commit(this.at + size);
      at += size;
    }
    if (source !== null) this.#credits.add(source, held ? start - end : end - start);
  }

  /** Writes all that was appended, unless a write is still under way: then its completion does. */
  flush(): void {
    if (this.writing || this.pending === 0) return;
    this.writing = true;
    this.pending = 0;
    this.flushes++;
    const credits = this.#creditsInFlight;
    this.#creditsInFlight = this.#credits;
    this.#credits = credits;
    const segments = this.#segments;
    const buffer = this.buffer as Buffer;
    if (segments.length === 0) {
      const whole = buffer.subarray(0, this.at);
      this.#inFlight = buffer;
      this.#reset();
      // Past the queue of `Writable`, which would be a queue behind ours: only one write is under way here at a time.
      this.#socket._write(whole, BYTES, this.#onWritten);
      return;
    }
    this.#cut();
    this.#moreInFlight = this.#full;
    this.#full = [];
    this.#inFlight = buffer;
    this.#reset();
    this.#segments = [];
    const last = segments.length - 1;
    this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(segments[i] as Buffer);
    this.#socket.write(segments[last] as Buffer, this.#onWritten);
    this.#socket.uncork();
  }

  /** Gives everything back; nothing is written after this. Credits that are still owed are paid, so that no window is lost. */
  discard(): void {
    if (this.buffer !== null) giveBuffer(this.buffer);
    for (const full of this.#full) giveBuffer(full);
    this.#full.length = 0;
    this.#segments = [];
    this.#reset();
    this.pending = 0;
    this.#creditsInFlight.pay(this.#onCredit);
    this.#credits.pay(this.#onCredit);
  }

  #reset(): void {
    this.buffer = null;
    this.at = 0;
    this.#from = 0;
  }

  /** Closes the part of the current buffer that is filled, as a segment. */
  #cut(): void {
    if (this.buffer === null || this.at === this.#from) return;
    this.#segments.push(this.buffer.subarray(this.#from, this.at));
    this.#from = this.at;
  }

  #nextBuffer(octets: number): Buffer {
    if (this.buffer !== null) {
      this.#cut();
      this.#full.push(this.buffer);
    }
    this.#reset();
    this.buffer = octets > BUFFER_SIZE ? Buffer.allocUnsafeSlow(octets) : takeBuffer();
    return this.buffer;
  }

  /** The write may have completed before `_write` returned, as it does when the socket has room. */
  #completed(error: Error | null | undefined): void {
    if (this.#inFlight !== null) giveBuffer(this.#inFlight);
    this.#inFlight = null;
    if (this.#moreInFlight.length > 0) {
      for (const buffer of this.#moreInFlight) giveBuffer(buffer);
      this.#moreInFlight = [];
    }
    this.writing = false;
    this.#creditsInFlight.pay(this.#onCredit);
    // The socket's close event is where a connection ends.
    if (error) this.#socket.destroy(error);
    else this.#written();
  }
}

/** `_write` asks for an encoding of octets, too. */
const BYTES = 'buffer' as BufferEncoding;
