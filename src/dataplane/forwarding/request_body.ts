import { hold, release } from '../../http2/held.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { REPLAY_LIMIT, ReplayBuffer } from './replay_buffer.ts';

/**
 * What follows the headers of a request: DATA and perhaps trailers, kept for as long as the request may have to be sent again, and the
 * account of whose credit for it has been given back.
 */
export class RequestBody {
  /** All of it has arrived. */
  ended: boolean;
  trailers: HeaderList | null = null;
  readonly #kept = new ReplayBuffer();
  /** Octets that have been given to an attempt, and so credited to the client. */
  #credited = 0;
  /** Octets whose connection credit has been given back: those, and the ones after them that are held (`held.ts`). */
  #settled = 0;

  constructor(ended: boolean) {
    this.ended = ended;
  }

  /** Nothing of it has been thrown away: it can be sent once more. */
  get replayable(): boolean {
    return this.#kept.complete;
  }

  /** There is nothing to send after the headers. */
  get empty(): boolean {
    return this.ended && this.#kept.octets === 0 && this.trailers === null;
  }

  /** DATA of `down` that has nowhere to go yet. */
  wait(buf: Buffer, start: number, end: number, down: Stream): void {
    // The stream's window bounds what waits here; the connection's should not, for the streams beside it.
    const before = this.#kept.octets;
    this.#kept.add(buf, start, end);
    if (this.#settled !== before || !hold(end - start)) return;
    down.connection.creditConnection(end - start);
    this.#settled = this.#kept.octets;
  }

  /** DATA that has been given to the attempt under way: kept, as long as it is not too much. */
  keep(buf: Buffer, start: number, end: number): void {
    if (!this.#kept.complete) return;
    if (this.#kept.octets + end - start > REPLAY_LIMIT) this.#kept.release();
    else this.#kept.add(buf, start, end);
    this.#credited = this.#settled = this.#kept.octets;
  }

  /** Sends what has arrived so far on `up`. */
  send(up: Stream, down: Stream): void {
    const kept = this.#kept;
    if (kept.octets > 0) {
      kept.send(up, this.ended && this.trailers === null, down, this.#credited, this.#settled);
      this.#credited = this.#settled = kept.octets;
      if (kept.octets > REPLAY_LIMIT) kept.release();
    }
    if (this.trailers !== null) up.connection.trailers(up, this.trailers);
  }

  /** It will not be sent again. */
  commit(): void {
    this.#kept.release();
  }

  /** Nobody wants it any more: the credit that is still owed for what has waited in vain goes back. */
  drop(down: Stream): void {
    if (this.#settled > this.#credited) release(this.#settled - this.#credited);
    const owed = this.#kept.octets - this.#settled;
    if (owed > 0) down.connection.creditConnection(owed);
    this.#credited = this.#settled = this.#kept.octets;
    this.#kept.release();
  }
}
