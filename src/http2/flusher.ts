import type { Sender } from './sender.ts';

/**
 * Collects the connections that have something to write and flushes them in the check phase of the event loop, after every
 * readable socket of this turn has been read: one write per socket and turn. One per thread.
 */
export class Flusher {
  #dirty: Sender[] = [];
  #spare: Sender[] = [];
  #scheduled = false;
  readonly #run = (): void => this.#flushAll();
  readonly #endTurn: () => void;

  /** `endTurn` is called after every flush: when it runs, what was sent in this turn has been handed to the kernel. */
  constructor(endTurn: () => void = () => {}) {
    this.#endTurn = endTurn;
  }

  mark(sender: Sender): void {
    this.#dirty.push(sender);
    this.wake();
  }

  /** Makes sure that a flush, and `endTurn`, happen in this turn. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  #flushAll(): void {
    // Flushing one may make another dirty; those go out in this turn as well.
    while (this.#dirty.length > 0) {
      const batch = this.#dirty;
      this.#dirty = this.#spare;
      for (let i = 0; i < batch.length; i++) (batch[i] as Sender).flush();
      batch.length = 0;
      this.#spare = batch;
    }
    this.#scheduled = false;
    this.#endTurn();
  }
}
