import { backoffDelay, REGISTRY_BACKOFF } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import { EurekaApplications, readAnswer } from './applications.ts';
import type { EurekaClient } from './client.ts';
import { EurekaStatus } from './errors.ts';

/** What the server had registered when it was asked last. */
interface Copy {
  readonly applications: EurekaApplications;
  readonly server: string;
  /** In epoch milliseconds. */
  at: number;
}

/** A server remembers what changed for three minutes: whoever was away longer than this asks for everything. In milliseconds. */
const DELTA_MEMORY = 120_000;

export interface PollerEvents {
  /** Everything that is registered now; comes after every answer, also when nothing changed. */
  told(applications: EurekaApplications): void;
  failed(cause: unknown): void;
}

/**
 * Keeps a copy of the registry like the server's: all of it at first, and then what changed.
 *
 *      all ──► changes ──► changes ...
 *       ▲         │ counts differ, another server, away for long
 *       └─────────┘
 */
export class Poller {
  readonly #client: EurekaClient;
  readonly #interval: number;
  readonly #clock: Clock;
  readonly #events: PollerEvents;
  readonly #done: Promise<void>;
  #copy: Copy | null = null;
  /** Servers can be told not to offer changes. */
  #deltas = true;
  #closed = false;
  #wake: () => void = () => {};

  constructor(client: EurekaClient, interval: number, clock: Clock, events: PollerEvents) {
    this.#client = client;
    this.#interval = interval;
    this.#clock = clock;
    this.#events = events;
    this.#done = this.#run();
  }

  /** What was told last; null before the first answer. */
  get applications(): EurekaApplications | null {
    return this.#copy?.applications ?? null;
  }

  /** No event comes after this returns; resolves when nothing is asked any more. */
  close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    return this.#done;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#closed) {
      let delay = this.#interval;
      try {
        const applications = await this.#poll();
        if (this.#closed) return;
        failures = 0;
        this.#events.told(applications);
      } catch (cause) {
        if (this.#closed) return;
        failures++;
        delay = Math.min(delay, backoffDelay(REGISTRY_BACKOFF, failures));
        this.#events.failed(cause);
      }
      await this.#pause(delay);
    }
  }

  async #poll(): Promise<EurekaApplications> {
    const copy = this.#copy;
    const now = this.#clock.now();
    if (copy !== null && this.#deltas && Math.abs(now - copy.at) < DELTA_MEMORY) {
      if (await this.#applyDelta(copy, now)) return copy.applications;
    }
    const applications = EurekaApplications.of(readAnswer(await this.#client.get('/apps')));
    this.#copy = { applications, server: this.#client.server, at: now };
    return applications;
  }

  /** False when the copy is not like the server's afterwards. */
  async #applyDelta(copy: Copy, now: number): Promise<boolean> {
    let body: unknown;
    try {
      body = await this.#client.get('/apps/delta');
    } catch (error) {
      if (!(error instanceof EurekaStatus) || error.status === 401) throw error;
      this.#deltas = false;
      return false;
    }
    // Servers tell each other what they know, but not at once: what another one counts as changed is not what we lack.
    if (this.#client.server !== copy.server) return false;
    const delta = readAnswer(body);
    copy.applications.apply(delta);
    if (delta.hash === null || delta.hash !== copy.applications.hash()) return false;
    copy.at = now;
    return true;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
      if (this.#closed) this.#wake();
    });
  }
}
