import { backoffDelay, REGISTRY_BACKOFF } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { OutriggerError } from '../../../base/errors.ts';
import { Coalescer } from '../coalesce.ts';
import type { Gate } from '../gate.ts';
import type { RecordFormat, RecordProtocol } from '../records/record.ts';
import type { RegistryAnswer, RegistryListener } from '../registry.ts';
import type { EtcdClient } from './client.ts';
import { concernsAll } from './errors.ts';
import { RecordSet } from './record_set.ts';
import type { EtcdTiming } from './timing.ts';
import { followWatch, type WatchEnd } from './watch_stream.ts';

/** What the feeds of one registry share. */
export interface FeedDeps {
  readonly clock: Clock;
  readonly timing: EtcdTiming;
  readonly gate: Gate;
  /** The client, connected when first asked for; rejects when it cannot be made (a certificate that cannot be read). */
  client(): Promise<EtcdClient>;
  /** Gives an error its code and says what was tried. */
  explain(cause: unknown, doing: string): OutriggerError;
}

/** A watch that lived this long was a healthy one: the next failure starts a new row of delays. In milliseconds. */
const HEALTHY_AFTER = 5_000;

/**
 * Follows one prefix: list, watch from the revision after the listing, and when the watch breaks begin again.
 *
 *      ┌──► list ──────► watch ──► changes ... ──┐
 *      │      │ failed     │ refused             │ broken: list again after a delay
 *      └──────┴────────────┴─────────────────────┘ compacted: list again at once
 *
 * Every listing replaces the whole set, so nothing that happened while no watch was open can be missed; between them the set
 * is never cleared. https://etcd.io/docs/v3.5/learning/api/#watch-api
 */
export class Feed {
  readonly #path: string;
  readonly #records: RecordSet;
  readonly #listener: RegistryListener;
  readonly #deps: FeedDeps;
  readonly #closing = new AbortController();
  readonly #flush: Coalescer;
  readonly #done: Promise<void>;
  #answer: RegistryAnswer | null = null;
  #trouble: OutriggerError | null = null;
  /** Failures in a row that concern this prefix alone. */
  #failures = 0;

  constructor(
    path: string,
    format: RecordFormat,
    protocol: RecordProtocol,
    listener: RegistryListener,
    deps: FeedDeps,
  ) {
    this.#path = path;
    this.#records = new RecordSet(path, format, protocol);
    this.#listener = listener;
    this.#deps = deps;
    this.#flush = new Coalescer(deps.timing.coalesce, deps.clock, () => {
      this.#answer = this.#records.answer();
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

  /** No call to the listener starts after this returns; resolves when the last call to etcd has ended. */
  close(): Promise<void> {
    this.#closing.abort();
    this.#flush.stop();
    return this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      let client: EtcdClient;
      try {
        client = await this.#deps.client();
        const { revision, records } = await client.list(this.#path);
        if (this.#closing.signal.aborted) return;
        this.#records.replace(records);
        this.#flush.touch();
        this.#deps.gate.open();
        await this.#recover(await this.#watch(client, revision + 1n));
      } catch (cause) {
        await this.#retry(this.#deps.explain(cause, `listing ${this.#path}`));
      }
    }
  }

  /** Resolves with the end of the watch, or null when the feed was closed. */
  async #watch(client: EtcdClient, from: bigint): Promise<WatchEnd | null> {
    const { clock, timing } = this.#deps;
    const { signal } = this.#closing;
    const call = await client.watch();
    return new Promise((resolve) => {
      let openedAt: number | null = null;
      const finish = (end: WatchEnd | null): void => {
        signal.removeEventListener('abort', close);
        if (openedAt !== null && clock.now() - openedAt >= HEALTHY_AFTER) this.#failures = 0;
        resolve(end);
      };
      const stop = followWatch(
        call,
        { prefix: this.#path, from, timeout: timing.request },
        {
          opened: () => {
            openedAt = clock.now();
          },
          changed: (changes) => {
            if (this.#records.apply(changes)) this.#flush.touch();
          },
          ended: finish,
        },
        clock,
      );
      const close = (): void => {
        stop();
        finish(null);
      };
      if (signal.aborted) close();
      else signal.addEventListener('abort', close);
    });
  }

  async #recover(end: WatchEnd | null): Promise<void> {
    if (end === null) return;
    if (end.kind === 'failed') {
      this.#complain(this.#deps.explain(end.cause, `watching ${this.#path}`));
      return this.#pause();
    }
    // History is gone, the registry is not: the listing that follows at once tells what was missed. A server that goes on
    // saying so is met with the usual delays.
    if (this.#failures > 0) await this.#pause();
    else this.#failures = 1;
  }

  async #retry(error: OutriggerError): Promise<void> {
    this.#complain(error);
    if (concernsAll(error)) await this.#deps.gate.pass(this.#closing.signal);
    else await this.#pause();
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
