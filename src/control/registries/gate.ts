import { type BackoffPolicy, backoffDelay } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';

/**
 * Where those wait who found the registry away. One of them at a time is let through to try again, with growing intervals;
 * as soon as one succeeds (`open`) all may go. So a thousand watched prefixes cost a registry that is down no more than one.
 */
export class Gate {
  readonly #policy: BackoffPolicy;
  readonly #clock: Clock;
  readonly #delay: typeof backoffDelay;
  readonly #waiting = new Set<() => void>();
  #failures = 0;
  #cancelTimer: (() => void) | null = null;

  constructor(policy: BackoffPolicy, clock: Clock, delay: typeof backoffDelay = backoffDelay) {
    this.#policy = policy;
    this.#clock = clock;
    this.#delay = delay;
  }

  /** Resolves when it is this caller's turn, or when `signal` aborts. */
  pass(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        signal.removeEventListener('abort', go);
        this.#waiting.delete(go);
        if (this.#waiting.size === 0) this.#stop();
        resolve();
      };
      if (signal.aborted) return resolve();
      signal.addEventListener('abort', go);
      this.#waiting.add(go);
      this.#start();
    });
  }

  /** The registry answered. */
  open(): void {
    this.#failures = 0;
    for (const go of [...this.#waiting]) go();
  }

  /** Goes on for as long as somebody waits, so that one who gives up while it is his turn holds up nobody. */
  #start(): void {
    if (this.#cancelTimer !== null) return;
    this.#failures++;
    this.#cancelTimer = this.#clock.after(this.#delay(this.#policy, this.#failures), () => {
      this.#cancelTimer = null;
      const [first] = this.#waiting;
      first?.();
      if (this.#waiting.size > 0) this.#start();
    });
  }

  #stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
