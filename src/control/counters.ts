import {
  CONNECTION_STATES,
  ENDPOINT,
  type Range,
  SEGMENT_SLOTS,
  SERVICE,
  THREAD,
  THREAD_RANGE,
} from '../model/counters.ts';
import type { CounterReader } from '../observe/metrics_view.ts';

/**
 * Slots that say how things are now, not how often something happened, by the size of the range they stand in (the layouts
 * differ in size; a test holds that).
 */
const GAUGES: ReadonlyMap<number, readonly number[]> = new Map([
  [THREAD.SLOTS, [THREAD.CONNECTIONS]],
  [SERVICE.SLOTS, [SERVICE.IN_FLIGHT, SERVICE.PENDING]],
  [
    ENDPOINT.SLOTS,
    [ENDPOINT.STATE, ENDPOINT.IN_FLIGHT, ...CONNECTION_STATES.map((_, index) => ENDPOINT.CONNECTIONS + index)],
  ],
]);

/** Told of each segment made after the start. `thread` must have it before it is told of a range inside. */
export type SegmentListener = (thread: number, segment: SharedArrayBuffer) => void;

/**
 * Hands out ranges of the counters that the data threads write and the control plane reads.
 *
 * A released range is kept for the next one of its size: there are three sizes in use, so what is held is bounded by
 * the most ranges of each that ever lived at once, and nothing needs to be moved.
 */
export class CounterArena implements CounterReader {
  readonly threads: number;
  /** By thread, then by segment. */
  readonly #views: Float64Array<SharedArrayBuffer>[][];
  /** First slot never handed out, by segment. */
  readonly #used: number[] = [];
  /** Slots of each range in use, by its position. */
  readonly #live = new Map<number, number>();
  /** Zeroed ranges, by size. */
  readonly #free = new Map<number, Range[]>();
  readonly #listeners = new Set<SegmentListener>();

  /** Makes the first segment of each of `threads` data threads, with the thread's own range at its start. */
  constructor(threads: number) {
    this.threads = threads;
    this.#views = Array.from({ length: threads }, () => []);
    const own = this.allocate(THREAD.SLOTS);
    if (own.segment !== THREAD_RANGE.segment || own.offset !== THREAD_RANGE.offset) {
      throw new Error('the thread range must be the first range of the first segment');
    }
  }

  /** A zeroed range of `slots` slots inside one segment. Listeners have heard of a new segment before this returns. */
  allocate(slots: number): Range {
    if (!Number.isInteger(slots) || slots < 1 || slots > SEGMENT_SLOTS) {
      throw new RangeError(`a range has 1 to ${SEGMENT_SLOTS} slots, not ${slots}`);
    }
    const range = this.#free.get(slots)?.pop() ?? this.#carve(slots);
    this.#live.set(position(range), slots);
    return range;
  }

  /** Zeroes a range and keeps it for reuse. No thread may write to it any more. Throws a RangeError when it is not in use. */
  release(range: Range): void {
    const slots = this.#live.get(position(range));
    if (slots === undefined || range.offset >= SEGMENT_SLOTS) {
      throw new RangeError(`no range in use starts at slot ${range.offset} of segment ${range.segment}`);
    }
    this.#live.delete(position(range));
    for (const views of this.#views) views[range.segment]?.fill(0, range.offset, range.offset + slots);
    const kept = this.#free.get(slots) ?? [];
    kept.push({ segment: range.segment, offset: range.offset });
    this.#free.set(slots, kept);
  }

  /** All segments of one thread, in order: what the thread is started with. */
  segments(thread: number): SharedArrayBuffer[] {
    return this.#of(thread).map((view) => view.buffer);
  }

  /** Calls `listener` for each segment made from now on, once per thread. Returns what ends that. */
  onSegment(listener: SegmentListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  sum(range: Range, slot: number): number {
    let total = 0;
    for (const views of this.#views) total += views[range.segment]?.[range.offset + slot] ?? 0;
    return total;
  }

  read(thread: number, range: Range, slot: number): number {
    return this.#views[thread]?.[range.segment]?.[range.offset + slot] ?? 0;
  }

  /**
   * To be called when a data thread has ended, before its successor starts with the same `segments(thread)`. Counters go on from
   * where they stood, so that totals never step back; what describes a moment (states, requests in flight, open connections)
   * ended with the thread.
   */
  resetThread(thread: number): void {
    const views = this.#of(thread);
    for (const [at, slots] of this.#live) {
      const view = views[Math.floor(at / SEGMENT_SLOTS)] as Float64Array;
      for (const slot of GAUGES.get(slots) ?? []) view[(at % SEGMENT_SLOTS) + slot] = 0;
    }
  }

  /** Takes slots that were never handed out, from the first segment with room for them. */
  #carve(slots: number): Range {
    let segment = this.#used.findIndex((used) => used + slots <= SEGMENT_SLOTS);
    if (segment === -1) segment = this.#grow();
    const offset = this.#used[segment] as number;
    this.#used[segment] = offset + slots;
    return { segment, offset };
  }

  /** Adds a segment to every thread; returns its index. */
  #grow(): number {
    const index = this.#used.push(0) - 1;
    for (const [thread, views] of this.#views.entries()) {
      const segment = new SharedArrayBuffer(SEGMENT_SLOTS * Float64Array.BYTES_PER_ELEMENT);
      views.push(new Float64Array(segment));
      for (const listener of this.#listeners) listener(thread, segment);
    }
    return index;
  }

  #of(thread: number): Float64Array<SharedArrayBuffer>[] {
    const views = this.#views[thread];
    if (!views) throw new RangeError(`there is no data thread ${thread}: ${this.threads} were asked for`);
    return views;
  }
}

function position(range: Range): number {
  return range.segment * SEGMENT_SLOTS + range.offset;
}
