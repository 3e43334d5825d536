import { performance } from 'node:perf_hooks';
import type { Sender } from './sender.ts';

/** Flushes that follow each other sooner than this belong to one turn, or nearly: what they write could go out together. In milliseconds. */
const DENSE = 0.03;
/** So many of those, beyond the others, end the time of flushing soon. */
const MOST_DENSE = 4;
/** So many turns in a row with one read each begin it. */
const LONELY_TURNS = 32;
const NOW = Promise.resolve();

/**
 * Collects the connections that have something to write and flushes them all at once. One per thread.
 *
 * Under load that is in the check phase of the event loop, after every readable socket of this turn has been read: one write per socket and
 * turn. While turns have one read each there is nothing to wait for: it is at the end of the read then, as a microtask, which spares the
 * loop's machinery around the check phase.
 */
export class Flusher {
  /** Those that are to be flushed, up to `#count`: an array that is cut to nothing and filled again costs calls into the runtime. */
  readonly #dirty: (Sender | null)[] = [];
  #count = 0;
  #scheduled = false;
  /** Flushes happen at the end of the read. */
  #soon = false;
  /** Reads since the last flush. */
  #reads = 0;
  #frames = 0;
  #lonelyTurns = 0;
  #dense = 0;
  #flushedAt = 0;
  readonly #run = (): void => this.#flushAll();
  readonly #endTurn: (frames: number, alone: boolean) => void;
  readonly #now: () => number;

  /**
   * `endTurn` is called after every flush: when it runs, what was sent in this turn has been handed to the kernel. `frames`: that were read
   * since the last. `alone`: the flush was at the end of a read, others may follow in this turn. Only tests give another clock, of milliseconds.
   */
  constructor(endTurn: (frames: number, alone: boolean) => void = () => {}, now = () => performance.now()) {
    this.#endTurn = endTurn;
    this.#now = now;
  }

  /** A socket has been read, and there were so many frames in it. */
  received(frames: number): void {
    this.#reads++;
    this.#frames += frames;
  }

  mark(sender: Sender): void {
    this.#dirty[this.#count++] = sender;
    this.wake();
  }

  /** Makes sure that a flush, and `endTurn`, happen in this turn. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (this.#soon) void NOW.then(this.#run);
    else setImmediate(this.#run);
  }

  #flushAll(): void {
    const dirty = this.#dirty;
    // Flushing one may make another dirty: those are behind it, and go out in this turn as well.
    for (let i = 0; i < this.#count; i++) {
      const sender = dirty[i] as Sender;
      dirty[i] = null;
      sender.flush();
    }
    this.#count = 0;
    this.#scheduled = false;
    this.#endTurn(this.#frames, this.#soon);
    this.#frames = 0;
    if (this.#soon) this.#lookForLoad();
    else this.#lookForQuiet();
    this.#reads = 0;
  }

  #lookForQuiet(): void {
    if (this.#reads > 1) this.#lonelyTurns = 0;
    else if (this.#reads === 1 && ++this.#lonelyTurns === LONELY_TURNS) this.#soon = true;
  }

  #lookForLoad(): void {
    const now = this.#now();
    if (now - this.#flushedAt >= DENSE) {
      if (this.#dense > 0) this.#dense--;
    } else if (++this.#dense === MOST_DENSE) {
      this.#soon = false;
      this.#dense = 0;
      this.#lonelyTurns = 0;
    }
    this.#flushedAt = now;
  }
}
