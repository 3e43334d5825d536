/** Lets a bounded number of tasks run at a time; the others wait for their turn, first come first served. */
export class Turns {
  readonly #most: number;
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Runs `task` when it is its turn, and gives what it gives. A task whose `signal` aborts while it waits runs at once, to find out. */
  async take<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#running >= this.#most) await this.#wait(signal);
    this.#running++;
    try {
      return await task();
    } finally {
      this.#running--;
      const [next] = this.#waiting;
      next?.();
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.#waiting.delete(go);
        signal.removeEventListener('abort', go);
        resolve();
      };
      this.#waiting.add(go);
      signal.addEventListener('abort', go);
    });
  }
}
