import { backoffDelay, REGISTRY_BACKOFF } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { OutriggerError } from '../../../base/errors.ts';
import { Coalescer } from '../coalesce.ts';
import type { Gate } from '../gate.ts';
import { pause } from '../pause.ts';
import { isObject } from '../records/record.ts';
import type { KubernetesClient } from './client.ts';
import { ApiError, concernsAll } from './errors.ts';
import { listAll } from './list_all.ts';
import type { Slice } from './slice.ts';
import { SliceStore } from './slice_store.ts';
import type { KubernetesTiming } from './timing.ts';

/** What the feeds of one registry share. */
export interface FeedDeps {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly timing: KubernetesTiming;
  readonly gate: Gate;
  readonly versionLabel: string;
  /** Gives an error its code and says what was tried. */
  explain(cause: unknown, doing: string): OutriggerError;
}

export interface FeedEvents {
  /** These services may have changed; null: all of them, or the registry answers again. */
  changed(services: ReadonlySet<string> | null): void;
  failed(error: OutriggerError): void;
}

/** A watch that lived this long was a healthy one: the next failure starts a new row of delays. In milliseconds. */
const HEALTHY_AFTER = 5_000;
/** The longest wait that a server may ask for, in milliseconds. */
const MAX_RETRY_AFTER = 30_000;

/**
 * Follows all EndpointSlices of one namespace: list, watch from the list's version on, and when a watch ends watch again from the
 * last version seen.
 *
 *      ┌─► list ──────► watch ──► events, bookmarks ... ──┐
 *      │     │ failed     │  ▲                            │ over, cut, silent: watch again
 *      │     └─ after a   │  └────────────────────────────┤ failed: watch again, after a delay
 *      │        delay ──┐ └───────────────────────────────┤
 *      └────────────────┴─────────────────────────────────┘ 410 Gone: list again
 *
 * One watch serves every service, also those that are asked for later: a selector for the services in use would have to be
 * changed, which means another list, each time one is added. What belongs to the others is small.
 */
export class Feed {
  readonly namespace: string;
  readonly #events: FeedEvents;
  readonly #deps: FeedDeps;
  readonly #store: SliceStore;
  readonly #closing = new AbortController();
  readonly #flush: Coalescer;
  readonly #done: Promise<void>;
  /** What is to be told at the next flush. */
  #changed: Set<string> | null = new Set();
  /** The version that is known, opaque; null: nothing is, list. */
  #position: string | null = null;
  #listed = false;
  #trouble: OutriggerError | null = null;
  #failures = 0;

  constructor(namespace: string, events: FeedEvents, deps: FeedDeps) {
    this.namespace = namespace;
    this.#events = events;
    this.#deps = deps;
    this.#store = new SliceStore(deps.versionLabel);
    this.#flush = new Coalescer(deps.timing.coalesce, deps.clock, () => {
      const changed = this.#changed;
      this.#changed = new Set();
      this.#events.changed(changed);
    });
    this.#done = this.#run();
  }

  /** Whether a list has come: before, nothing is known of any service. */
  get listed(): boolean {
    return this.#listed;
  }

  /** Why what is known may be out of date. */
  get trouble(): OutriggerError | null {
    return this.#trouble;
  }

  slicesOf(service: string): Iterable<Slice> {
    return this.#store.slicesOf(service);
  }

  /** No event is told after this returns; resolves when the last request has ended. */
  close(): Promise<void> {
    this.#closing.abort();
    this.#flush.stop();
    return this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const doing = this.#position === null ? 'listing' : 'watching';
      try {
        if (this.#position === null) await this.#list();
        else await this.#watch(this.#position);
      } catch (cause) {
        if (signal.aborted) return;
        if (cause instanceof ApiError && cause.gone && this.#position !== null) await this.#startOver();
        else await this.#retry(cause, this.#deps.explain(cause, `${doing} endpointslices of ${this.namespace}`));
      }
    }
  }

  /** Nothing is told of it while there is trouble: whether the registry answers again, the watch that follows says. */
  async #list(): Promise<void> {
    const { signal } = this.#closing;
    const { client, gate } = this.#deps;
    const { items, resourceVersion } = await listAll(client, this.namespace, signal);
    if (signal.aborted) return;
    const services = this.#store.replace(items);
    this.#position = resourceVersion;
    const first = !this.#listed;
    this.#listed = true;
    gate.open();
    if (first) this.#touch(null);
    else if (services.size > 0) this.#touch(services);
  }

  async #watch(resourceVersion: string): Promise<void> {
    const { client, clock, timing, gate } = this.#deps;
    const startedAt = clock.now();
    const seconds = Math.ceil((timing.watch * (1 + Math.random())) / 1_000);
    const events = {
      opened: () => {
        gate.open();
        if (this.#trouble !== null) {
          this.#trouble = null;
          this.#touch(null);
        }
      },
      event: (event: unknown) => this.#take(event),
    };
    const options = { resourceVersion, seconds, silence: timing.silence };
    try {
      await client.watch(this.namespace, options, events, this.#closing.signal);
    } finally {
      if (clock.now() - startedAt >= HEALTHY_AFTER) this.#failures = 0;
    }
    // One that ends at once again and again must not be asked for in a circle.
    if (clock.now() - startedAt < HEALTHY_AFTER && this.#failures++ > 0) await this.#pause(0);
  }

  /** Takes one event of the watch; throws what ends it. */
  #take(event: unknown): void {
    if (!isObject(event) || !isObject(event.object)) throw new Error('a watch event that is none');
    const { type, object } = event;
    if (type === 'ERROR') {
      const { code, message } = event.object;
      throw new ApiError(
        typeof code === 'number' ? code : 0,
        typeof message === 'string' ? message : 'no reason given',
      );
    }
    const { resourceVersion } = isObject(event.object.metadata) ? event.object.metadata : {};
    if (typeof resourceVersion === 'string') this.#position = resourceVersion;
    if (type === 'ADDED' || type === 'MODIFIED') this.#touch(this.#store.put(object));
    else if (type === 'DELETED') this.#touch(this.#store.remove(object));
  }

  #touch(services: ReadonlySet<string> | null): void {
    if (this.#closing.signal.aborted || services?.size === 0) return;
    if (services === null || this.#changed === null) this.#changed = null;
    else for (const service of services) this.#changed.add(service);
    this.#flush.touch();
  }

  /** History is gone, the registry is not: the list that follows at once tells what was missed. */
  async #startOver(): Promise<void> {
    this.#position = null;
    // A server that goes on saying so is met with the usual delays.
    if (this.#failures++ > 0) await this.#pause(0);
  }

  async #retry(cause: unknown, error: OutriggerError): Promise<void> {
    // A set that is still on its way would say that the registry answers again.
    this.#flush.settle();
    this.#trouble = error;
    this.#events.failed(error);
    const asked = cause instanceof ApiError ? Math.min(cause.retryAfter, MAX_RETRY_AFTER) : 0;
    this.#failures++;
    if (concernsAll(error) && asked === 0) await this.#deps.gate.pass(this.#closing.signal);
    else await this.#pause(asked);
  }

  /** Waits as long as the failures in a row ask for, at least `least` milliseconds, or until the feed is closed. */
  #pause(least: number): Promise<void> {
    const ms = Math.max(least, backoffDelay(REGISTRY_BACKOFF, this.#failures));
    return pause(ms, this.#closing.signal, this.#deps.clock);
  }
}
