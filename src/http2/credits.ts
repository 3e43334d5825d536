import type { Stream } from './streams/stream.ts';

/**
 * Streams that are owed credit for DATA of theirs, and for how many octets; negative ones are held (`held.ts`). The arrays keep their
 * length when they are emptied: cutting an array to nothing is a call into the runtime, and filling it again one more.
 */
export class Credits {
  readonly #streams: (Stream | null)[] = [];
  readonly #octets: number[] = [];
  #count = 0;

  add(stream: Stream, octets: number): void {
    const at = this.#count++;
    this.#streams[at] = stream;
    this.#octets[at] = octets;
  }

  /** Gives all of it to `credit`, in order, and is empty then. */
  pay(credit: (stream: Stream, octets: number) => void): void {
    const streams = this.#streams;
    for (let i = 0; i < this.#count; i++) {
      const stream = streams[i] as Stream;
      streams[i] = null;
      credit(stream, this.#octets[i] as number);
    }
    this.#count = 0;
  }
}
