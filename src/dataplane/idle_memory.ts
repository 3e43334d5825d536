/** Sweeps without a request after which a thread is idle: 10 s, as sweeps are 2.5 s apart. */
const IDLE_SWEEPS = 4;

/**
 * Gives memory back once when a thread that was busy has been idle for a while, and what starting took at the first sweep, unless there
 * are requests by then (a second after the start: `DataPlane`). Nothing else would: a heap is collected when it is allocated from, and an
 * idle one is not. Whoever comes at that very moment waits for 10 to 35 ms.
 */
export class IdleMemory {
  readonly #release: () => void;
  #busy = false;
  #idleSweeps = IDLE_SWEEPS - 1;

  constructor(release: () => void) {
    this.#release = release;
  }

  /** A request was sent, or ended. */
  touched(): void {
    this.#busy = true;
  }

  /** To be called at each sweep. */
  sweep(): void {
    if (this.#busy) {
      this.#busy = false;
      this.#idleSweeps = 0;
    } else if (this.#idleSweeps < IDLE_SWEEPS && ++this.#idleSweeps === IDLE_SWEEPS) this.#release();
  }
}
