import { backoffDelay, REGISTRY_BACKOFF } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { OutriggerError } from '../../../base/errors.ts';
import { Coalescer } from '../coalesce.ts';
import type { Gate } from '../gate.ts';
import type { RecordFormat, RecordProtocol } from '../records/record.ts';
import type { RegistryAnswer, RegistryListener } from '../registry.ts';
import { concernsAll } from './errors.ts';
import { NodeSet } from './node_set.ts';
import { nodePath } from './paths.ts';
import { Reading } from './reading.ts';
import type { ZookeeperSession } from './session.ts';
import type { ZookeeperTiming } from './timing.ts';

/** What the feeds of one registry share. */
export interface FeedDeps {
  readonly clock: Clock;
  readonly timing: ZookeeperTiming;
  readonly gate: Gate;
  /** The session that all feeds share, opened when first asked for; rejects when no server gives one. */
  session(): Promise<ZookeeperSession>;
  /** Gives an error its code and says what was tried. */
  explain(cause: unknown, doing: string): OutriggerError;
}

/** A session that lived this long was a healthy one: the next failure starts a new row of delays. In milliseconds. */
const HEALTHY_AFTER = 5_000;

/**
 * Follows the children of one node: read them all, then what the watches name, and when the session ends begin again.
 *
 *      ┌──► session ──► read all ──► changes ... ──┐
 *      │       │ none       │ refused              │ lost: read all again after a delay
 *      └───────┴────────────┴──────────────────────┘
 *
 * Reading all replaces the whole set, so nothing that happened without a session can be missed; between them the set is never cleared.
 */
export class Feed {
  readonly #path: string;
  readonly #nodes: NodeSet;
  readonly #listener: RegistryListener;
  readonly #deps: FeedDeps;
  readonly #closing = new AbortController();
  readonly #flush: Coalescer;
  readonly #done: Promise<void>;
  #answer: RegistryAnswer | null = null;
  #trouble: OutriggerError | null = null;
  #failures = 0;

  constructor(
    path: string,
    format: RecordFormat,
    protocol: RecordProtocol,
    listener: RegistryListener,
    deps: FeedDeps,
  ) {
    this.#path = nodePath(path);
    this.#nodes = new NodeSet(this.#path, format, protocol);
    this.#listener = listener;
    this.#deps = deps;
    this.#flush = new Coalescer(deps.timing.coalesce, deps.clock, () => {
      this.#answer = this.#nodes.answer();
      this.#trouble = null;
      this.#listener.set(this.#answer);
    });
    this.#done = this.#run();
  }

  /** Tells somebody who joins later what the others know already. */
  replay(listener: RegistryListener): void {
    if (this.#answer !== null) listener.set(this.#answer);
    if (this.#trouble !== null) listener.error(this.#trouble);
  }

  /** No call to the listener starts after this returns; resolves when nothing is asked any more. */
  close(): Promise<void> {
    this.#closing.abort();
    this.#flush.stop();
    return this.#done;
  }

  async #run(): Promise<void> {
    const { clock, gate } = this.#deps;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let openedAt: number | null = null;
      try {
        const session = await this.#deps.session();
        if (signal.aborted) return;
        openedAt = clock.now();
        const changed = (): void => {
          gate.open();
          if (!signal.aborted) this.#flush.touch();
        };
        await new Reading(this.#path, session, this.#nodes, this.#deps, changed).run(signal);
      } catch (cause) {
        if (openedAt !== null && clock.now() - openedAt >= HEALTHY_AFTER) this.#failures = 0;
        const error = this.#deps.explain(cause, `following ${this.#path}`);
        this.#complain(error);
        if (openedAt === null && concernsAll(error)) await gate.pass(signal);
        else await this.#pause();
      }
    }
  }

  #complain(error: OutriggerError): void {
    if (this.#closing.signal.aborted) return;
    // A set that is still on its way would say that the registry answers again.
    this.#flush.settle();
    this.#trouble = error;
    this.#listener.error(error);
  }

  /** Waits as long as the failures in a row ask for, or until the feed is closed. */
  #pause(): Promise<void> {
    this.#failures++;
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        cancel();
        resolve();
      };
      const cancel = this.#deps.clock.after(backoffDelay(REGISTRY_BACKOFF, this.#failures), wake);
      signal.addEventListener('abort', wake);
    });
  }
}
