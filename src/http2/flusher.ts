import type { Sender } from './sender.ts';

/**
 * Collects the connections that have something to write and flushes them in the check phase of the event loop, after every
 * readable socket of this turn has been read: one write per socket and turn. One per thread.
 */
export class Flusher {
  /** Those that are to be flushed, up to `#count`: an array that is cut to nothing and filled again costs calls into the runtime. */
  readonly #dirty: (Sender | null)[] = [];
  #count = 0;
  #scheduled = false;
  readonly #run = (): void => this.#flushAll();
  readonly #endTurn: () => void;

  /** `endTurn` is called after every flush: when it runs, what was sent in this turn has been handed to the kernel. */
  constructor(endTurn: () => void = () => {}) {
    this.#endTurn = endTurn;
  }

  mark(sender: Sender): void {
    this.#dirty[this.#count++] = sender;
    this.wake();
  }

  /** Makes sure that a flush, and `endTurn`, happen in this turn. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
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
    this.#endTurn();
  }
}
