import { type Balance, isModulePath } from '../../model/balancing.ts';
import type { ServiceSettings } from '../../model/service.ts';
import { needsOf, POLICIES } from '../balancing/policies.ts';
import type { UpstreamContext } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { Subset } from './subset.ts';

/** Subsets that requests have asked for by something else than one exact version; beyond, those that nobody waits in are forgotten. */
const MOST_DERIVED = 500;

/** A subset that was made because a request asked for it. */
interface Derived {
  readonly subset: Subset;
  readonly balance: Balance;
  readonly has: (endpoint: Endpoint) => boolean;
}

/**
 * The instances of a service, sorted into subsets: all of them, those of each version, and whatever else requests ask for, made when it
 * is first asked for and kept up to date from then on.
 */
export class SubsetTable {
  all: Subset;
  /** Requests that came before the registry's first answer, or whose version left, wait here until they choose again. */
  readonly early: Subset;
  #byVersion = new Map<string, Subset>();
  #derived = new Map<string, Derived>();
  #sorted: readonly Endpoint[] = [];
  readonly #settings: () => ServiceSettings;
  readonly #context: UpstreamContext;
  readonly #policyFault: () => void;

  /** @param policyFault told each time that round robin takes the place of a policy of the user's own */
  constructor(settings: () => ServiceSettings, context: UpstreamContext, policyFault: () => void) {
    this.#settings = settings;
    this.#context = context;
    this.#policyFault = policyFault;
    this.all = this.#make(null, settings().balance);
    this.early = this.#make(null, settings().balance);
  }

  ofVersion(version: string): Subset | undefined {
    return this.#byVersion.get(version);
  }

  versions(): Iterable<string> {
    return this.#byVersion.keys();
  }

  /** The members for which `has` is true. `key` says what that is, in full: the subset is kept under it. `name` is for messages. */
  derived(key: string, name: string, balance: Balance, has: (endpoint: Endpoint) => boolean): Subset {
    const known = this.#derived.get(key);
    if (known !== undefined) return known.subset;
    if (this.#derived.size >= MOST_DERIVED) this.#forgetUnused();
    const subset = this.#make(name, balance);
    subset.setMembers(this.#sorted.filter(has));
    this.#derived.set(key, { subset, balance, has });
    return subset;
  }

  *subsets(): Iterable<Subset> {
    yield this.early;
    yield this.all;
    yield* this.#byVersion.values();
    for (const { subset } of this.#derived.values()) yield subset;
  }

  /** Every subset that `endpoint` is a member of. */
  *containing(endpoint: Endpoint): Iterable<Subset> {
    yield this.all;
    const { version } = endpoint.record;
    const own = version === null ? undefined : this.#byVersion.get(version);
    if (own !== undefined) yield own;
    for (const { subset, has } of this.#derived.values()) if (has(endpoint)) yield subset;
  }

  /** `endpoint` has a free stream slot again. Once per request: allocates nothing. */
  slotFreed(endpoint: Endpoint): void {
    this.all.slotFreed();
    const { version } = endpoint.record;
    if (version !== null) this.#byVersion.get(version)?.slotFreed();
    if (this.#derived.size === 0) return;
    for (const { subset } of this.#derived.values()) subset.slotFreed();
  }

  /**
   * The instances, or what is known of them, have changed. `fresh`: so has the policy, and no picker hands anything on; `configured`:
   * some rule is another now.
   */
  regroup(sorted: readonly Endpoint[], fresh: boolean, configured: boolean): void {
    this.#sorted = sorted;
    const versions = new Map<string, Endpoint[]>();
    for (const endpoint of sorted) {
      const version = endpoint.record.version;
      if (version === null) continue;
      const members = versions.get(version);
      if (members === undefined) versions.set(version, [endpoint]);
      else members.push(endpoint);
    }
    const balance = this.#settings().balance;
    if (fresh) this.all = adopted(this.all, this.#make(null, balance));
    this.all.setMembers(sorted);
    const before = this.#byVersion;
    this.#byVersion = new Map();
    for (const [version, members] of versions) {
      const old = before.get(version);
      const subset = old === undefined || fresh ? this.#make(version, balance) : old;
      if (old !== undefined && old !== subset) adopted(old, subset);
      subset.setMembers(members);
      this.#byVersion.set(version, subset);
    }
    // Whoever waited for a version that is gone chooses again.
    for (const [version, subset] of before) if (!this.#byVersion.has(version)) adopted(subset, this.early);
    this.#regroupDerived(configured);
  }

  /** Other rules now: what was derived by the old ones is not asked for any more. */
  #regroupDerived(configured: boolean): void {
    for (const { subset, has } of this.#derived.values()) {
      if (configured) adopted(subset, this.early);
      else subset.setMembers(this.#sorted.filter(has));
    }
    if (configured) this.#derived.clear();
  }

  #forgetUnused(): void {
    for (const [key, { subset }] of this.#derived) if (subset.queue.length === 0) this.#derived.delete(key);
  }

  #make(name: string | null, balance: Balance): Subset {
    const context = this.#context;
    const { zone } = context;
    const pickerContext = { random: () => context.random(), now: () => context.clock.now(), zone };
    const factory = isModulePath(balance) ? context.policies.factory(balance, this.#policyFault) : POLICIES[balance];
    return new Subset(name, { factory, exact: needsOf(balance).exact === true }, pickerContext, this.#settings);
  }
}

/** Moves the waiting requests of `from` to `to`, in order; gives `to`. */
function adopted(from: Subset, to: Subset): Subset {
  for (let waiter = from.queue.head; waiter !== null; waiter = from.queue.head) {
    from.queue.remove(waiter);
    to.queue.push(waiter, waiter.waitOrder);
  }
  return to;
}
