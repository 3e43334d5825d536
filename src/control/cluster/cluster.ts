import type { Clock } from '../../base/clock.ts';
import type { OutriggerError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Instance } from '../../model/instance.ts';
import type { BadRecord, Registry, RegistryAnswer, RegistryQuery, RegistryWatch } from '../registries/registry.ts';
import { BadRecords } from './bad_records.ts';
import { diff, isEmpty, type SetDiff } from './diff.ts';
import { doubtText, EmptyProtection } from './empty_protection.ts';
import type { TroubleLog } from './trouble_log.ts';

/** What is known about the instances of one service. */
export interface Membership {
  readonly name: string;
  /** False until the registry has answered once. */
  readonly known: boolean;
  /** True while the registry cannot confirm the set, or says that nobody is left and is not yet believed; the set stays in use. */
  readonly stale: boolean;
  /** When the registry last told a set, in epoch milliseconds; 0 if never. The age of what is known is `clock.now()` minus this. */
  readonly updatedAt: number;
  readonly instances: readonly Instance[];
  /** Why the registry does not confirm the set, or has not told any; null when it has. */
  readonly trouble: string | null;
}

/** A membership that just changed, and how. The diff is empty when only `known`, `stale` or `trouble` changed. */
export interface ClusterChange extends Membership {
  readonly diff: SetDiff;
}

export interface ClusterOptions {
  readonly registry: Registry;
  /** `query.service` is the cluster's name. */
  readonly query: RegistryQuery;
  /** How long an empty answer after a non-empty one is doubted, in milliseconds; 0: believed at once. */
  readonly emptyProtection: number;
  /** What was known before, from another place: in use until this one answers. */
  readonly initial?: Membership | null;
}

export interface ClusterDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Shared by all clusters. */
  readonly trouble: TroubleLog;
  /** Hears of every change, in order; never before the constructor has returned, never after `close`. */
  readonly changed: (change: ClusterChange) => void;
}

/**
 * The instances of one service, as its registry tells them. Keeps the last good set through everything that can happen to the
 * registry: an error marks it stale, only an answer changes it.
 */
export class Cluster {
  readonly name: string;
  readonly registry: Registry;
  readonly query: RegistryQuery;
  readonly #deps: ClusterDeps;
  readonly #watch: RegistryWatch;
  readonly #protection: EmptyProtection;
  readonly #badRecords: BadRecords;
  #closed = false;
  #membership: Membership;
  #bad: readonly BadRecord[] = [];
  #error: OutriggerError | null = null;
  /** When the last answer was true, if that is not the time at which it came. */
  #confirmedAt: number | null = null;

  constructor({ registry, query, emptyProtection, initial = null }: ClusterOptions, deps: ClusterDeps) {
    this.name = query.service;
    this.registry = registry;
    this.query = query;
    this.#deps = deps;
    const nothing = { name: this.name, known: false, stale: false, updatedAt: 0, instances: [], trouble: null };
    this.#membership = initial ?? nothing;
    this.#badRecords = new BadRecords(this.name, registry.name, deps.log);
    this.#protection = new EmptyProtection(emptyProtection, deps.clock, (instances) => this.#take(instances));
    this.#watch = registry.watch(query, {
      set: (answer) => this.#answered(answer),
      error: (error) => this.#failed(error),
    });
  }

  get membership(): Membership {
    return this.#membership;
  }

  /** The records of the last answer that cannot be read. */
  get bad(): readonly BadRecord[] {
    return this.#bad;
  }

  /** Why the set is stale, or has never come; null when the registry answers. */
  get error(): OutriggerError | null {
    return this.#error;
  }

  /** True while an empty answer is held back. */
  get doubting(): boolean {
    return this.#protection.doubting;
  }

  /** Ends the watch. Never rejects. */
  close(): Promise<void> {
    if (!this.#closed && this.#error !== null) this.#deps.trouble.ends(this.registry.name, this.#error, {}, false);
    this.#closed = true;
    this.#protection.forget();
    return this.#watch.close();
  }

  #answered(answer: RegistryAnswer): void {
    if (this.#closed) return;
    this.#setError(answer.trouble ?? null);
    this.#confirmedAt = answer.confirmedAt ?? null;
    this.#bad = answer.bad;
    this.#badRecords.report(answer.bad);
    const doubted = this.doubting;
    const current = this.#membership.instances.length;
    if (!this.#protection.offer(answer.instances, current)) return;
    if (!doubted) {
      this.#deps.log.warn(
        'The registry says that all instances are gone; they stay in use until it has said so for long.',
        {
          ...this.#where(),
          instances: current,
        },
      );
    }
    // Whoever looks at the set is to see that it is not what the registry says.
    const trouble = this.#error?.message ?? doubtText(this.registry.name);
    this.#change({ ...this.#membership, stale: true, trouble });
  }

  #failed(error: OutriggerError): void {
    if (this.#closed) return;
    this.#setError(error);
    const doubted = this.doubting;
    // An empty answer from a registry that then fails is not confirmed by it.
    this.#protection.forget();
    if (this.#membership.stale && !doubted) return;
    this.#change({ ...this.#membership, stale: this.#membership.known, trouble: error.message });
  }

  /** Every failed attempt says the same: told when it begins, when the reason changes, and when it is over. */
  #setError(error: OutriggerError | null): void {
    const before = this.#error;
    this.#error = error;
    if (before?.code === error?.code) return;
    const { name } = this.registry;
    const { trouble } = this.#deps;
    const fields = { ...this.#where(), instances: this.#membership.instances.length };
    if (before !== null) trouble.ends(name, before, fields, error === null);
    if (error !== null) trouble.begins(name, error, fields);
  }

  #take(instances: readonly Instance[]): void {
    const updatedAt = this.#confirmedAt ?? this.#deps.clock.now();
    const trouble = this.#error?.message ?? null;
    this.#change({ name: this.name, known: true, stale: trouble !== null, updatedAt, instances, trouble });
  }

  #change(now: Membership): void {
    const before = this.#membership;
    const difference = diff(before.instances, now.instances);
    this.#membership = now;
    const same = before.known === now.known && before.stale === now.stale && before.trouble === now.trouble;
    if (same && isEmpty(difference)) return;
    this.#deps.changed({ ...now, diff: difference });
  }

  #where(): { readonly service: string; readonly registry: string; readonly path: string } {
    return { service: this.name, registry: this.registry.name, path: this.query.path };
  }
}
