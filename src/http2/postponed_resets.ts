import { performance } from 'node:perf_hooks';
import { Budget } from './budget.ts';
import { RESET_RATE } from './limits.ts';
import { STREAM_STATE, type Stream } from './streams/stream.ts';

/** The streams of one connection that are to be reset and have to wait for it; most connections never have any. */
export class PostponedResets {
  /** How many are still open. */
  size = 0;
  readonly #budget: Budget;
  #waiting: { readonly stream: Stream; readonly code: number }[] = [];

  /** `burst`: how many may be reset at once. */
  constructor(burst: number) {
    this.#budget = new Budget(RESET_RATE, performance.now(), burst);
  }

  /** Whether one may be reset now; counts it. */
  mayReset(): boolean {
    return this.#waiting.length === 0 && this.#budget.take(performance.now());
  }

  add(stream: Stream, code: number): void {
    if (stream.abandoned) return;
    stream.abandoned = true;
    this.#waiting.push({ stream, code });
    this.size++;
  }

  /** A stream that was added is gone, by its reset or by itself. */
  ended(): void {
    this.size--;
  }

  /** Hands those whose turn has come to `reset`. */
  send(reset: (stream: Stream, code: number) => void): void {
    if (this.#waiting.length === 0) return;
    // Most have ended by themselves meanwhile.
    const open = this.#waiting.filter(({ stream }) => stream.state !== STREAM_STATE.CLOSED);
    const now = performance.now();
    let sent = 0;
    while (sent < open.length && this.#budget.take(now)) sent++;
    this.#waiting = open.slice(sent);
    for (const { stream, code } of open.slice(0, sent)) reset(stream, code);
  }
}
