import type { Readable } from 'node:stream';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';

const NOTHING = Buffer.alloc(0);

/** What waits for a window to grow. Whoever feeds the connection pumps it afterwards. */
export interface Pumped {
  /** Sends as much as can be sent now. */
  pump(): void;
}

/**
 * Sends what a Node stream gives as DATA of an HTTP/2 stream, no more than its windows take: the rest waits here, and the source is
 * not read meanwhile. What is kept is at most one read of the source.
 */
export class StreamBody implements Pumped {
  readonly #source: Readable;
  readonly #stream: Stream;
  readonly #stalled: Set<Pumped>;
  /** Asked at the end; null when there are none. */
  readonly #trailers: () => HeaderList | null;
  readonly #onSent: () => void;
  #pending: Buffer[] = [];
  #ended = false;
  #done = false;
  readonly #onData = (chunk: Buffer): void => {
    this.#pending.push(chunk);
    this.pump();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.pump();
  };

  /** While it waits for a window it stands in `stalled`. */
  constructor(
    source: Readable,
    stream: Stream,
    stalled: Set<Pumped>,
    trailers: () => HeaderList | null,
    onSent: () => void = () => {},
  ) {
    this.#source = source;
    this.#stream = stream;
    this.#stalled = stalled;
    this.#trailers = trailers;
    this.#onSent = onSent;
    source.on('data', this.#onData);
    source.on('end', this.#onEnd);
  }

  pump(): void {
    if (this.#done) return;
    const stream = this.#stream;
    const { connection } = stream;
    while (this.#pending.length > 0) {
      const chunk = this.#pending[0] as Buffer;
      const room = Math.min(stream.sendWindow.available, connection.sender.window.available);
      if (room <= 0) return this.#wait();
      const size = Math.min(room, chunk.length);
      connection.data(stream, chunk, 0, size, false, null);
      if (size === chunk.length) this.#pending.shift();
      else this.#pending[0] = chunk.subarray(size);
    }
    this.#stalled.delete(this);
    if (!this.#ended) return void this.#source.resume();
    this.#finish();
    const trailers = this.#trailers();
    if (trailers === null) connection.data(stream, NOTHING, 0, 0, true, null);
    else connection.trailers(stream, trailers);
    this.#onSent();
  }

  /** Nothing more is wanted: the rest of the source is read and thrown away. */
  stop(): void {
    if (this.#done) return;
    this.#finish();
    this.#source.resume();
  }

  #wait(): void {
    this.#source.pause();
    this.#stalled.add(this);
  }

  #finish(): void {
    this.#done = true;
    this.#pending = [];
    this.#stalled.delete(this);
    this.#source.removeListener('data', this.#onData);
    this.#source.removeListener('end', this.#onEnd);
  }
}
