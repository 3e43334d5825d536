import type { Clock } from '../../base/clock.ts';

/** Runs a task for the first of many calls at once, and for those that follow within `ms` of a run together, at the end of it. */
export class Coalescer {
  readonly #ms: number;
  readonly #clock: Clock;
  readonly #task: () => void;
  #cancelTimer: (() => void) | null = null;
  #due = false;

  constructor(ms: number, clock: Clock, task: () => void) {
    this.#ms = ms;
    this.#clock = clock;
    this.#task = task;
  }

  /** Something changed. */
  touch(): void {
    this.#due = true;
    if (this.#cancelTimer === null) this.#run();
  }

  /** Runs now what is due, so that what the caller says next comes after it. */
  settle(): void {
    if (!this.#due) return;
    this.#cancelTimer?.();
    this.#run();
  }

  /** Nothing runs any more, what is due included. */
  stop(): void {
    this.#due = false;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #run(): void {
    this.#due = false;
    this.#cancelTimer = this.#clock.after(this.#ms, () => {
      this.#cancelTimer = null;
      if (this.#due) this.#run();
    });
    this.#task();
  }
}
