import type { Clock } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import type { HealthTiming } from '../../config/health_options.ts';
import type { Probe, ProbeEvents, ProbeResult } from './probes/probe.ts';

/** What a prober thinks: `unknown` only until the first opinion, and only when it began so. */
export type Opinion = 'unknown' | 'passing' | 'failing';

export interface ProberOptions extends Pick<HealthTiming, 'interval' | 'rise' | 'fall'> {
  /** What holds before the first look. */
  readonly initial: Opinion;
  /** Share by which each interval varies, both ways, so that many probers do not look in step. */
  readonly jitter: number;
  /** Wait before the first look, in milliseconds. */
  readonly firstAfter: number;
}

export interface ProberDeps {
  readonly clock: Clock;
  /** What to look with; closed with the prober. */
  readonly probe: (events: ProbeEvents) => Probe;
  /** The opinion changed; `reason` says why it is failing, null otherwise. */
  readonly changed: (opinion: Opinion, reason: string | null) => void;
  /** Something worth telling that is no failure; told when it changes. */
  readonly noted?: (note: string) => void;
  readonly random?: () => number;
}

/**
 * Looks again and again, and makes an opinion of what it sees.
 *
 *                  rise good looks in a row
 *     unknown ─────────────────────────────► passing
 *        │  fall bad looks in a row            │  ▲
 *        └──────────────► failing ◄────────────┘  │ rise
 *                            └────────────────────┘
 *
 * The next look starts an interval after the last one ended, so looks never overlap however slow the answers are. What an instance says
 * of itself without being asked needs no row.
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #deps: ProberDeps;
  #closed = false;
  /** Ends the look that is under way: one for each, since who listens to it is not always heard to stop. */
  #giveUp: AbortController | null = null;
  readonly #random: () => number;
  #opinion: Opinion;
  #reason: string | null = null;
  #note: string | null = null;
  /** Looks in a row that speak against the opinion. */
  #against = 0;
  /** What the row of looks says that `#against` counts. */
  #row: Opinion = 'unknown';
  /** Looks since the start. */
  #looks = 0;
  readonly #probe: Probe;
  #cancelTimer: () => void = () => {};

  constructor(options: ProberOptions, deps: ProberDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#opinion = options.initial;
    this.#random = deps.random ?? Math.random;
    this.#probe = deps.probe({ told: (result) => this.#tell(result), stirred: () => this.#lookNow() });
    this.#lookAfter(options.firstAfter);
  }

  get opinion(): Opinion {
    return this.#opinion;
  }

  /** Why the last look was bad; null when it was good, or when there was none. */
  get reason(): string | null {
    return this.#reason;
  }

  /** True when looks have confirmed that it is well: not merely assumed at the start. */
  get confirmed(): boolean {
    return this.#opinion === 'passing' && this.#looks > 0 && this.#reason === null;
  }

  /** No look starts, and nothing is told, after this returns; a look that is under way is given up. */
  close(): void {
    this.#closed = true;
    this.#giveUp?.abort();
    this.#cancelTimer();
    this.#probe.close();
  }

  #lookAfter(ms: number): void {
    this.#cancelTimer = this.#deps.clock.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#giveUp = new AbortController();
    const result = await this.#probe.look(this.#giveUp.signal).catch(
      // None should; and none may end the process.
      (error: unknown): ProbeResult => ({ ok: false, reason: describeError(error) }),
    );
    this.#giveUp = null;
    if (this.#closed) return;
    this.#looks++;
    this.#weigh(result);
    // Whoever is told may have no use for it any more.
    if (this.#closed) return;
    const { interval, jitter } = this.#options;
    this.#lookAfter(interval * (1 + jitter * (2 * this.#random() - 1)));
  }

  #lookNow(): void {
    if (this.#giveUp !== null || this.#closed) return;
    this.#cancelTimer();
    void this.#look();
  }

  #tell(result: ProbeResult): void {
    if (this.#closed) return;
    this.#reason = result.ok ? null : result.reason;
    this.#against = 0;
    const says: Opinion = result.ok ? 'passing' : 'failing';
    if (says !== this.#opinion) this.#opine(says);
  }

  #weigh(result: ProbeResult): void {
    const { rise, fall } = this.#options;
    this.#reason = result.ok ? null : result.reason;
    if (result.ok && result.note !== undefined && result.note !== this.#note) this.#deps.noted?.(result.note);
    if (result.ok) this.#note = result.note ?? null;
    const says: Opinion = result.ok ? 'passing' : 'failing';
    if (says === this.#opinion) {
      this.#against = 0;
      return;
    }
    // While nothing is known, good and bad looks count for themselves: a row that breaks begins anew.
    const sameRow = this.#row === says;
    this.#row = says;
    this.#against = sameRow ? this.#against + 1 : 1;
    if (this.#against < (result.ok ? rise : fall)) return;
    this.#against = 0;
    this.#opine(says);
  }

  #opine(opinion: Opinion): void {
    this.#opinion = opinion;
    this.#deps.changed(opinion, this.#reason);
  }
}
