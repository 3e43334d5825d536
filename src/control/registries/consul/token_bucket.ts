import type { Clock } from '../../../base/clock.ts';

/** Lets `burst` through at once and then one per `refill` milliseconds; what was not used is saved up, to `burst` at most. */
export class TokenBucket {
  readonly #burst: number;
  readonly #refill: number;
  readonly #clock: Clock;
  #tokens: number;
  #countedAt: number;

  constructor(burst: number, refill: number, clock: Clock) {
    this.#burst = burst;
    this.#refill = refill;
    this.#clock = clock;
    this.#tokens = burst;
    this.#countedAt = clock.now();
  }

  /** Resolves when there is a token, which is then gone, or when `signal` aborts. For one caller at a time. */
  take(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    // A clock that was set back must not take tokens away.
    const gained = Math.max(0, now - this.#countedAt) / this.#refill;
    this.#tokens = Math.min(this.#burst, this.#tokens + gained) - 1;
    this.#countedAt = now;
    return this.#tokens >= 0 ? Promise.resolve() : pause(-this.#tokens * this.#refill, this.#clock, signal);
  }
}

/** Resolves after `ms` milliseconds, or when `signal` aborts. */
export function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const wake = (): void => {
      signal.removeEventListener('abort', wake);
      cancel();
      resolve();
    };
    const cancel = clock.after(ms, wake);
    signal.addEventListener('abort', wake);
  });
}
