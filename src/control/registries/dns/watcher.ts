import { backoffDelay, REGISTRY_BACKOFF } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { OutriggerError } from '../../../base/errors.ts';
import type { DnsOptions } from '../../../config/dns_options.ts';
import type { Gate } from '../gate.ts';
import { pause } from '../pause.ts';
import type { RegistryAnswer, RegistryListener } from '../registry.ts';
import { nobodyAnswers } from './errors.ts';
import type { Lookup } from './lookup.ts';
import type { DnsResolver } from './resolver.ts';

/** What the watchers of one registry share. */
export interface WatcherDeps {
  readonly clock: Clock;
  readonly resolver: DnsResolver;
  readonly gate: Gate;
  readonly options: DnsOptions;
  /** Gives an error its code. */
  explain(cause: unknown): OutriggerError;
}

/** When to ask again for names that have no records, in milliseconds, within the bounds of the config. */
const NOTHING_FOR = 5_000;

/**
 * Follows one path: resolve, wait until that is over, resolve again. That a name does not exist, or has no addresses, is an
 * answer; SERVFAIL, REFUSED and silence are none, and leave the set as it is.
 */
export class Watcher {
  readonly #lookup: Lookup;
  readonly #listener: RegistryListener;
  readonly #deps: WatcherDeps;
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;
  #answer: RegistryAnswer | null = null;
  #trouble: OutriggerError | null = null;
  #failures = 0;

  constructor(lookup: Lookup, listener: RegistryListener, deps: WatcherDeps) {
    this.#lookup = lookup;
    this.#listener = listener;
    this.#deps = deps;
    this.#done = this.#run();
  }

  /** Tells somebody who joins later what the others know already. */
  replay(listener: RegistryListener): void {
    if (this.#answer !== null) listener.set(this.#answer);
    if (this.#trouble !== null) listener.error(this.#trouble);
  }

  /** Nothing is told after this returns; resolves when no question is open any more. */
  close(): Promise<void> {
    this.#closing.abort();
    return this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { clock, gate, options } = this.#deps;
    while (!signal.aborted) {
      try {
        const { answer, ttl } = await this.#lookup.resolve();
        if (signal.aborted) return;
        this.#failures = 0;
        this.#answer = answer;
        this.#trouble = null;
        gate.open();
        this.#listener.set(answer);
        await pause(Math.min(options.maxTtl, Math.max(options.minTtl, ttl ?? NOTHING_FOR)), signal, clock);
      } catch (cause) {
        if (signal.aborted) return;
        await this.#retry(cause);
      }
    }
  }

  async #retry(cause: unknown): Promise<void> {
    const { clock, gate, resolver, explain } = this.#deps;
    const { signal } = this.#closing;
    this.#trouble = explain(cause);
    this.#listener.error(this.#trouble);
    this.#failures++;
    if (nobodyAnswers(cause)) {
      resolver.renew();
      await gate.pass(signal);
    } else await pause(backoffDelay(REGISTRY_BACKOFF, this.#failures), signal, clock);
  }
}
