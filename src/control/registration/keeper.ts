import { type BackoffPolicy, backoffDelay, REGISTRY_BACKOFF } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError, OutriggerError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { withoutKept } from '../registries/kept.ts';
import type { Registration } from './registration.ts';
import type { Held, RegistrationWriter } from './writer.ts';

/** Where a registration stands. */
export const KEEPER_STATES = ['waiting', 'registering', 'registered', 'withdrawing', 'removed'] as const;
export type KeeperState = (typeof KEEPER_STATES)[number];

export interface KeeperOptions {
  readonly registration: Registration;
  /** The name of the registry in the config. */
  readonly registry: string;
  /** False while a health check has still to pass. */
  readonly passing: boolean;
}

export interface KeeperDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Made with the function to call when the record may be gone. */
  readonly writer: (lost: (why: string) => void) => RegistrationWriter;
  readonly random?: () => number;
}

/** While the registry is away an app is not found by new readers: the wait for it is short. */
const BACKOFF: BackoffPolicy = { ...REGISTRY_BACKOFF, max: 5_000 };
/** Refreshes in one TTL: two may fail. */
const REFRESHES = 3;
/** A record that is gone again this soon after it was put is somebody else's doing: the next put waits. In milliseconds. */
const SOON = 5_000;
/** Longest that the end may take, in milliseconds: what cannot be taken out in that time runs out with its TTL. */
const STOP_LIMIT = 3_000;

/**
 * Keeps one app registered while it is well, whatever happens to the registry.
 *
 *     waiting ──health passes──► registering ──put──► registered ──refresh──┐
 *        ▲                        │  ▲    │ failed       │  │  ▲────────────┘
 *        │          health fails ─┘  │    └─► backoff ─► │  │
 *        │                           └───────────────────┘  │ health fails
 *        │                            gone, deleted, or     ▼
 *        └───────────────────────────── 1 x TTL silent   withdrawing
 *
 *     any ──stop──► removed
 *
 * One loop does it all, so that no two requests for the same record can overtake each other. A put that failed may have been
 * carried out: from the first try until the record was taken out, it counts as something that readers may see.
 */
export class Keeper {
  readonly registration: Registration;
  readonly registry: string;
  readonly #writer: RegistrationWriter;
  readonly #deps: KeeperDeps;
  readonly #random: () => number;
  readonly #done: Promise<void>;
  #state: KeeperState = 'waiting';
  #since: number;
  #passing: boolean;
  #note = 'not checked yet';
  #stopping = false;
  #stopped: Promise<void> | null = null;
  /** Readers may see the record. */
  #visible = false;
  /** The record may be there, though nobody is sent to it. */
  #withdrawn = false;
  /** When the registry last said that it has the record. */
  #confirmedAt = 0;
  #putAt = Number.NEGATIVE_INFINITY;
  #lost: string | null = null;
  #quickLosses = 0;
  #failures = 0;
  #error: OutriggerError | null = null;
  #wake: () => void = () => {};

  constructor({ registration, registry, passing }: KeeperOptions, deps: KeeperDeps) {
    this.registration = registration;
    this.registry = registry;
    this.#deps = deps;
    this.#random = deps.random ?? Math.random;
    this.#since = deps.clock.now();
    this.#passing = passing;
    this.#writer = deps.writer((why) => {
      this.#lost = why;
      this.#wake();
    });
    this.#done = this.#run();
  }

  get state(): KeeperState {
    return this.#state;
  }

  /** When the state began, in epoch milliseconds. */
  get since(): number {
    return this.#since;
  }

  /** The key, or the id in the registry. */
  get place(): string {
    return this.#writer.place;
  }

  /** Why it is not registered, in a sentence; null when it is. */
  get reason(): string | null {
    if (this.#state === 'registered') return null;
    if (!this.#passing) return `health check: ${this.#note}`;
    return this.#error === null ? null : this.#error.message;
  }

  /** What the app's health check says now. */
  health(passing: boolean, note: string): void {
    this.#note = note;
    if (passing === this.#passing) return;
    this.#passing = passing;
    this.#wake();
  }

  /** Takes the record out, and ends. Resolves when it is out, after 3 s at the latest. Never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    let cancel = (): void => {};
    const late = new Promise<'late'>((resolve) => {
      cancel = this.#deps.clock.after(STOP_LIMIT, () => resolve('late'));
    });
    const outcome = await Promise.race([this.#done.then(() => this.#remove()), late]);
    cancel();
    if (outcome === 'late')
      this.#deps.log.warn(
        'The app could not be taken out of the registry in time: its record runs out with its TTL.',
        this.#fields(),
      );
    this.#enter('removed');
    await this.#writer.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      if (!this.#passing) await (this.#visible ? this.#withdraw() : this.#sleep(null));
      else if (this.#state === 'registered') await this.#hold();
      else await this.#register();
    }
  }

  async #register(): Promise<void> {
    this.#enter('registering');
    if (this.#quickLosses > 0) {
      await this.#sleep(backoffDelay(BACKOFF, this.#quickLosses, this.#random));
      if (this.#stopping || !this.#passing) return;
    }
    this.#lost = null;
    const startedAt = this.#deps.clock.now();
    try {
      this.#visible = true;
      const held: Held = this.#withdrawn ? await this.#writer.setPassing(true, this.#note) : 'gone';
      if (held === 'gone') await this.#writer.put();
    } catch (error) {
      return this.#failed(error);
    }
    this.#withdrawn = false;
    this.#putAt = this.#deps.clock.now();
    this.#confirmed(startedAt);
    this.#enter('registered');
    this.#deps.log.info(`The app is registered as "${this.registration.service}".`, this.#fields());
  }

  async #hold(): Promise<void> {
    if (this.#lost === null) {
      const { ttlMs } = this.registration;
      const delay =
        this.#failures > 0
          ? Math.min(backoffDelay(BACKOFF, this.#failures, this.#random), ttlMs / REFRESHES)
          : (ttlMs / REFRESHES) * (0.9 + 0.2 * this.#random());
      await this.#sleep(delay);
      if (this.#stopping || !this.#passing) return;
    }
    if (this.#lost !== null) return this.#lose(this.#lost);
    const startedAt = this.#deps.clock.now();
    try {
      if ((await this.#writer.refresh()) === 'gone') return this.#lose('the registry does not have it any more');
      this.#confirmed(startedAt);
      if (startedAt - this.#putAt > SOON) this.#quickLosses = 0;
    } catch (error) {
      this.#complain(error);
      const silent = this.#deps.clock.now() - this.#confirmedAt;
      if (silent >= this.registration.ttlMs)
        this.#lose(`no answer for ${Math.round(silent / 1_000)} s, longer than its TTL`);
    }
  }

  async #withdraw(): Promise<void> {
    if (this.#state !== 'withdrawing') {
      this.#deps.log.warn(`The app fails its health check and is taken out: ${this.#note}.`, this.#fields());
      this.#enter('withdrawing');
    }
    try {
      await this.#writer.setPassing(false, this.#note);
    } catch (error) {
      // Once nobody has renewed it for a TTL, no reader sees it.
      if (this.#deps.clock.now() - this.#confirmedAt < this.registration.ttlMs) return this.#failed(error);
    }
    this.#failures = 0;
    this.#visible = false;
    this.#withdrawn = true;
    this.#enter('waiting');
  }

  async #remove(): Promise<void> {
    if (!this.#visible && !this.#withdrawn) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#writer.remove();
        this.#deps.log.info('The app is taken out of the registry.', this.#fields());
        return;
      } catch (error) {
        if (this.#state === 'removed') return;
        this.#complain(error);
        await this.#sleep(backoffDelay(BACKOFF, attempt, this.#random));
      }
    }
  }

  #lose(why: string): void {
    this.#lost = null;
    const soon = this.#deps.clock.now() - this.#putAt < SOON;
    this.#quickLosses = soon ? this.#quickLosses + 1 : 0;
    this.#deps.log.warn(
      `The registration of "${this.registration.service}" was lost and is put back: ${why}.`,
      this.#fields(),
    );
    this.#enter('registering');
  }

  async #failed(error: unknown): Promise<void> {
    this.#complain(error);
    await this.#sleep(backoffDelay(BACKOFF, this.#failures, this.#random));
  }

  /** Every failed attempt says the same: told when it begins and when the reason changes. */
  #complain(cause: unknown): void {
    this.#failures++;
    const error =
      cause instanceof OutriggerError
        ? cause
        : new OutriggerError('registration_failed', describeError(cause), { cause });
    const known = this.#error?.code === error.code;
    this.#error = error;
    if (!known && !this.#stopping)
      this.#deps.log.warn(error.message, {
        ...this.#fields(),
        reason: error.code,
        hint: withoutKept(error.hint, 'Trying goes on.'),
      });
  }

  #confirmed(at: number): void {
    this.#confirmedAt = at;
    this.#failures = 0;
    this.#error = null;
  }

  #enter(state: KeeperState): void {
    if (this.#state === state || this.#state === 'removed') return;
    this.#state = state;
    this.#since = this.#deps.clock.now();
  }

  /** Until `ms` milliseconds have passed (null: for ever) or something happened. */
  #sleep(ms: number | null): Promise<void> {
    return new Promise((resolve) => {
      const cancel = ms === null ? () => {} : this.#deps.clock.after(ms, () => this.#wake());
      this.#wake = () => {
        cancel();
        this.#wake = () => {};
        resolve();
      };
    });
  }

  #fields(): { service: string; registry: string; address: string; place: string } {
    const { service, address } = this.registration;
    return { service, registry: this.registry, address, place: this.#writer.place };
  }
}
