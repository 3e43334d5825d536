import type { Clock } from '../../base/clock.ts';

/** Waits `ms` milliseconds, or until `signal` aborts. Never rejects, and leaves no timer. */
export function pause(ms: number, signal: AbortSignal, clock: Clock): Promise<void> {
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
