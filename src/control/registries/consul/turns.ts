import type { Clock } from '../../../base/clock.ts';

/** The right to have one question open. */
export interface Turn {
  /** Aborts with the signal that the turn was taken with, or when others have waited long enough: the question is to be broken off. */
  readonly signal: AbortSignal;
  /** To be called when the question is over, however it ended. */
  end(): void;
}

interface Open extends Turn {
  readonly since: number;
  readonly stop: () => void;
}

/**
 * Shares a bounded number of open questions among any number of feeds. A held question takes a connection, and an agent gives one client
 * no more than 200 of them (`limits.http_max_conns_per_client`), in which other programs on this machine have their share. When
 * there are more feeds than turns, each question is held for `least` milliseconds at least, and then gives way to the next in line.
 */
export class Turns {
  readonly #most: number;
  readonly #least: number;
  readonly #clock: Clock;
  /** The longest open one first. */
  readonly #open = new Set<Open>();
  readonly #waiting = new Set<() => void>();
  #cancelTimer: (() => void) | null = null;

  constructor(most: number, least: number, clock: Clock) {
    this.#most = most;
    this.#least = least;
    this.#clock = clock;
  }

  /** Resolves when it is this caller's turn, or when `signal` aborts; the turn has to be ended either way. */
  async take(signal: AbortSignal): Promise<Turn> {
    if (this.#open.size >= this.#most && !signal.aborted) await this.#wait(signal);
    const breakOff = new AbortController();
    const stop = (): void => breakOff.abort();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
    const turn: Open = {
      since: this.#clock.now(),
      signal: breakOff.signal,
      stop,
      end: () => {
        if (!this.#open.delete(turn)) return;
        signal.removeEventListener('abort', stop);
        const [next] = this.#waiting;
        next?.();
      },
    };
    this.#open.add(turn);
    return turn;
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        signal.removeEventListener('abort', go);
        this.#waiting.delete(go);
        if (this.#waiting.size === 0) this.#stopTimer();
        resolve();
      };
      signal.addEventListener('abort', go);
      this.#waiting.add(go);
      this.#hurry();
    });
  }

  /** Makes the longest open question give way as soon as it may, for as long as somebody waits. */
  #hurry(): void {
    if (this.#cancelTimer !== null) return;
    const oldest = [...this.#open].find((turn) => !turn.signal.aborted);
    const age = oldest === undefined ? 0 : this.#clock.now() - oldest.since;
    this.#cancelTimer = this.#clock.after(Math.max(1, this.#least - age), () => {
      this.#cancelTimer = null;
      oldest?.stop();
      if (this.#waiting.size > 0) this.#hurry();
    });
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
