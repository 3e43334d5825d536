import type { Clock } from '../../base/clock.ts';
import type { Instance } from '../../model/instance.ts';

/**
 * Doubts a set that is suddenly empty: a registry that lost its data looks exactly like a service that was scaled to zero.
 * The empty set passes only after it has stood for `ms` milliseconds; 0 lets it pass at once.
 */
export class EmptyProtection {
  readonly #ms: number;
  readonly #clock: Clock;
  readonly #pass: (instances: readonly Instance[]) => void;
  #cancelDoubt: (() => void) | null = null;

  constructor(ms: number, clock: Clock, pass: (instances: readonly Instance[]) => void) {
    this.#ms = ms;
    this.#clock = clock;
    this.#pass = pass;
  }

  /** True while an empty set is waiting. */
  get doubting(): boolean {
    return this.#cancelDoubt !== null;
  }

  /** Takes an answer; `current` is the number of instances in use. True when the answer was not passed on, for now. */
  offer(instances: readonly Instance[], current: number): boolean {
    if (instances.length > 0 || current === 0 || this.#ms === 0) {
      this.forget();
      this.#pass(instances);
      return false;
    }
    this.#cancelDoubt ??= this.#clock.after(this.#ms, () => {
      this.#cancelDoubt = null;
      this.#pass(instances);
    });
    return true;
  }

  /** Drops an empty set that is waiting: what came since makes it worthless. */
  forget(): void {
    this.#cancelDoubt?.();
    this.#cancelDoubt = null;
  }
}

/** What is wrong with a set that is in use while an empty one waits. */
export function doubtText(registry: string): string {
  return `registry "${registry}" says that all instances are gone, which is believed when it has stood for \`empty_protection\``;
}
