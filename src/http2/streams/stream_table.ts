import type { Stream } from './stream.ts';

const INITIAL_CAPACITY = 16;
/** Slots that an idle connection may keep from busier times. */
const KEPT_CAPACITY = 1024;

/**
 * The open streams of a connection by id. Not a `Map`: one that is added to and deleted from all the time is rehashed all the time,
 * and V8's old tables keep pointing to the new ones, so that as soon as one of them is promoted the garbage collector copies
 * every stream that was ever in a later one (measured: a fifth of all CPU). Here a slot is cleared when its stream goes.
 *
 * Open addressing with linear probing on the id's sequence number: ids count up, so slots collide only with long-lived streams.
 */
export class StreamTable {
  size = 0;
  #slots: (Stream | null)[] = new Array<Stream | null>(INITIAL_CAPACITY).fill(null);
  #mask = INITIAL_CAPACITY - 1;

  get(id: number): Stream | undefined {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let at = (id >>> 1) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at] as Stream | null;
      if (stream === null) return undefined;
      if (stream.id === id) return stream;
    }
  }

  /** Adds a stream whose id is not in the table. */
  add(stream: Stream): void {
    if (this.size * 2 >= this.#slots.length) this.#resize(this.#slots.length * 2);
    this.#insert(stream);
    this.size++;
  }

  /** False when there was none of that id. */
  delete(id: number): boolean {
    const slots = this.#slots;
    const mask = this.#mask;
    let at = (id >>> 1) & mask;
    for (; ; at = (at + 1) & mask) {
      const stream = slots[at] as Stream | null;
      if (stream === null) return false;
      if (stream.id === id) break;
    }
    // Streams behind the gap move up, so that probing never has to step over it.
    let gap = at;
    for (let next = (at + 1) & mask; ; next = (next + 1) & mask) {
      const stream = slots[next] as Stream | null;
      if (stream === null) break;
      const home = (stream.id >>> 1) & mask;
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      slots[gap] = stream;
      gap = next;
    }
    slots[gap] = null;
    this.size--;
    if (this.size === 0 && slots.length > KEPT_CAPACITY) this.#resize(INITIAL_CAPACITY);
    return true;
  }

  /** The streams there are now; safe against changes while it is walked. */
  all(): Stream[] {
    return this.#slots.filter((stream) => stream !== null);
  }

  #insert(stream: Stream): void {
    const mask = this.#mask;
    let at = (stream.id >>> 1) & mask;
    while (this.#slots[at] !== null) at = (at + 1) & mask;
    this.#slots[at] = stream;
  }

  #resize(capacity: number): void {
    const streams = this.all();
    // The old array is left empty: should it be promoted, it keeps nothing alive.
    this.#slots.fill(null);
    this.#slots = new Array<Stream | null>(capacity).fill(null);
    this.#mask = capacity - 1;
    for (const stream of streams) this.#insert(stream);
  }
}
