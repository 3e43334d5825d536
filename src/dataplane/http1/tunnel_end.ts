import { Duplex } from 'node:stream';
import type { Stream } from '../../http2/streams/stream.ts';
import type { Pumped } from './stream_body.ts';

const NOTHING = Buffer.alloc(0);

/**
 * A stream as `http2-proxy` wants the client's socket. The first thing that it writes there are the lines of the instance's 101, which
 * HTTP/2 has no place for: they are dropped, since the stream's headers say the same.
 */
export class TunnelEnd extends Duplex implements Pumped {
  readonly #stream: Stream;
  readonly #stalled: Set<Pumped>;
  #switched = false;
  /** Credit that the client gets when what came is read. */
  #owed = 0;
  /** What waits for a window, and whom to tell when it has been sent. */
  #rest: Buffer = NOTHING;
  #done: () => void = () => {};

  constructor(stream: Stream, stalled: Set<Pumped>) {
    super();
    this.#stream = stream;
    this.#stalled = stalled;
  }

  /** Octets of the client. */
  receive(octets: Buffer): void {
    if (this.destroyed || this.push(octets)) this.#stream.connection.credit(this.#stream, octets.length);
    else this.#owed += octets.length;
  }

  pump(): void {
    const stream = this.#stream;
    const { connection } = stream;
    const rest = this.#rest;
    const room = Math.min(rest.length, stream.sendWindow.available, connection.sender.window.available);
    if (room > 0) connection.data(stream, rest, 0, room, false, null);
    this.#rest = rest.subarray(Math.max(0, room));
    if (this.#rest.length > 0 && stream.writable) return void this.#stalled.add(this);
    this.#stalled.delete(this);
    this.#done();
  }

  // What `http2-proxy` tunes a socket with.
  setTimeout(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}

  override _read(): void {
    const owed = this.#owed;
    this.#owed = 0;
    if (owed > 0) this.#stream.connection.credit(this.#stream, owed);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.#switched) {
      this.#switched = true;
      return done();
    }
    this.#rest = chunk;
    this.#done = done;
    this.pump();
  }

  override _final(done: () => void): void {
    if (this.#stream.writable) this.#stream.connection.data(this.#stream, NOTHING, 0, 0, true, null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stalled.delete(this);
    done(error);
  }
}
