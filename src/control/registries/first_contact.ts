import { backoffDelay, REGISTRY_BACKOFF } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { OutriggerError } from '../../base/errors.ts';
import type { Registry } from './registry.ts';

export interface FirstContactDeps {
  readonly clock: Clock;
  /** No new check is made after this long, in milliseconds: from then on it is the watches that find out. */
  readonly patience: number;
  /** The outcome of the first check is known. */
  readonly looked: () => void;
  /** A check failed, the one before it did not, or in another way. */
  readonly began: (error: OutriggerError) => void;
  /** What `began` told is over: `cured`, or not looked for any more. */
  readonly ended: (error: OutriggerError, cured: boolean) => void;
}

/**
 * Asks a registry whether it answers before the first request needs it, so that a wrong address or password shows when the sidecar
 * starts and not when the app calls.
 */
export class FirstContact {
  readonly registry: Registry;
  readonly #path: string;
  readonly #deps: FirstContactDeps;
  readonly #startedAt: number;
  #answered = false;
  #looked = false;
  #closed = false;
  #error: OutriggerError | null = null;
  #failures = 0;
  #cancelTimer: () => void = () => {};

  /** `path` is the one of the queries to come, with `{service}` in it. */
  constructor(registry: Registry, path: string, deps: FirstContactDeps) {
    this.registry = registry;
    this.#path = path.split('{service}', 1)[0] as string;
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
    void this.#check();
  }

  /** The registry has answered, a check or a watch. */
  get answered(): boolean {
    return this.#answered || this.registry.stats.updates > 0;
  }

  /** The outcome of the first check is known. */
  get looked(): boolean {
    return this.#looked;
  }

  /** Why the last check failed; null if it did not. */
  get error(): OutriggerError | null {
    return this.#error;
  }

  /** No check starts after this returns, and nothing is told any more. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  async #check(): Promise<void> {
    const error = await this.registry.check(this.#path);
    if (this.#closed) return;
    const { clock, patience, looked, began, ended } = this.#deps;
    const before = this.#error;
    this.#error = error;
    this.#answered = error === null;
    if (before !== null && before.code !== error?.code) ended(before, error === null);
    if (error !== null && before?.code !== error.code) began(error);
    if (!this.#looked) {
      this.#looked = true;
      looked();
    }
    if (error === null) return;
    this.#failures++;
    const delay = backoffDelay(REGISTRY_BACKOFF, this.#failures);
    if (clock.now() + delay - this.#startedAt > patience) ended(error, false);
    else this.#cancelTimer = clock.after(delay, () => void this.#check());
  }
}
