import type { SlowStart } from '../../model/resilience.ts';
import type { ServiceSettings } from '../../model/service.ts';
import type { LocalCandidate, Picker, PickerContext, PickerFactory } from '../balancing/picker.ts';
import type { Endpoint } from './endpoint.ts';
import { WaitQueue } from './wait_queue.ts';

/** What a subset must know of an instance. */
export interface Member extends LocalCandidate {
  readonly state: string;
  /** It has a connection: in a panic it is used, whatever is held against it. */
  readonly connected: boolean;
  /** Since when it takes requests, on the clock of the picker's context. */
  readonly usableSince: number;
  readonly record: { readonly zone: string | null };
  /** Null when it is full. */
  freeConnection(): object | null;
  /** It was full when a request came for it. */
  wantMore(): void;
}

/** How a subset picks. */
export interface SubsetPolicy {
  readonly factory: PickerFactory;
  /** It always means one instance in particular: a gentle start would tear keys apart. */
  readonly exact: boolean;
}

/** What the settings of its service say to a subset. */
export type SubsetRules = Pick<ServiceSettings, 'panicThreshold' | 'slowStart' | 'zone'>;

export interface SubsetContext extends PickerContext {
  /** Where this sidecar runs; null: nowhere in particular. */
  readonly zone: string | null;
}

/** So many instances that are to start gently are passed over for one request. */
const MOST_PASSED_OVER = 8;

/**
 * The instances that may serve one kind of request (all of a service, or those of one version), the picker over the ready ones,
 * and the requests that wait for one of them.
 */
export class Subset<M extends Member = Endpoint> {
  /** The version, or what else its members have in common, for messages; null for the subset of all instances. */
  readonly version: string | null;
  readonly queue = new WaitQueue();
  /** All registered instances of this kind, sorted by id. */
  #members: readonly M[] = [];
  /** Those that are picked from: the ready ones, or in a panic all that are connected; those of the own zone, if it is preferred. */
  #ready: readonly M[] = [];
  /** Ready ones of other zones, for when all of the own are full. */
  #elsewhere: readonly M[] = [];
  #panics = false;
  /** Somebody usable has a weight: those without get nothing. */
  #skipsWeightless = false;
  #picker: Picker | null = null;
  #slowStart: SlowStart | null = null;
  /** Since when the one of the ready that has been usable longest is. */
  #oldest = 0;
  #stale = true;
  /** Every ready instance was full at the last try; saves going through all of them again for each request that queues up. */
  #saturated = false;
  readonly #policy: SubsetPolicy;
  readonly #context: SubsetContext;
  readonly #rules: () => SubsetRules;

  constructor(version: string | null, policy: SubsetPolicy, context: SubsetContext, rules: () => SubsetRules) {
    this.version = version;
    this.#policy = policy;
    this.#context = context;
    this.#rules = rules;
  }

  get members(): readonly M[] {
    return this.#members;
  }

  setMembers(members: readonly M[]): void {
    this.#members = members;
    this.invalidate();
  }

  /** Some member became ready or stopped being it: the next pick builds the picker anew. */
  invalidate(): void {
    this.#stale = true;
    this.#saturated = false;
  }

  /** A member has a free stream slot again. */
  slotFreed(): void {
    this.#saturated = false;
  }

  /**
   * An instance with a free stream slot; null when none is ready or all are full. Those of `avoid` (where the request has been) are taken
   * only if there is no other, and the last of them (which has just failed) only if there is none but it. `key` is what the request is
   * hashed by.
   */
  pick(avoid: readonly M[], key: number): M | null {
    if (this.#stale) this.#rebuild();
    if (this.#saturated) return null;
    const ready = this.#ready;
    const count = ready.length;
    if (count === 0) return null;
    const picker = this.#picker as Picker;
    const first = this.#slowStart === null ? picker.pick(key) : this.#pickGently(this.#slowStart, picker, key);
    const endpoint = ready[first] as M;
    const welcome = avoid.length === 0 || !avoid.includes(endpoint);
    if (welcome && endpoint.freeConnection() !== null) return endpoint;
    return this.#pickOther(endpoint, avoid, first, key);
  }

  /**
   * Slow start, whatever the policy: an instance that has not been usable for long is passed over as often as its share says. All that
   * counts is how it compares with the oldest one: where all are new, all are alike.
   */
  #pickGently(rule: SlowStart, picker: Picker, key: number): number {
    const now = this.#context.now();
    const full = shareOf(now - this.#oldest, rule);
    let best = 0;
    let most = -1;
    for (let tries = 0; tries < MOST_PASSED_OVER; tries++) {
      const index = picker.pick(key);
      const share = shareOf(now - (this.#ready[index] as M).usableSince, rule);
      if (share >= full || this.#context.random() * full < share) return index;
      if (share <= most) continue;
      most = share;
      best = index;
    }
    return best;
  }

  /** The first choice will not do: the policy's next ones, and then whichever comes first. */
  #pickOther(refused: M, avoid: readonly M[], from: number, key: number): M | null {
    const ready = this.#ready;
    const picker = this.#picker as Picker;
    if (!avoid.includes(refused)) refused.wantMore();
    for (let tries = 1; tries < Math.min(ready.length, 3); tries++) {
      const endpoint = ready[picker.pick(key)] as M;
      if (avoid.includes(endpoint)) continue;
      if (endpoint.freeConnection() !== null) return endpoint;
      endpoint.wantMore();
    }
    const found = firstFree(ready, from + 1, avoid) ?? this.#pickElsewhere(avoid) ?? this.#pickAgain(avoid);
    if (found === null) this.#saturated = true;
    return found;
  }

  /** All of the own zone are full: better another zone than waiting. */
  #pickElsewhere(avoid: readonly M[]): M | null {
    const { length } = this.#elsewhere;
    return length === 0 ? null : firstFree(this.#elsewhere, (this.#context.random() * length) | 0, avoid);
  }

  /** There are no others: whoever failed first has had the longest to recover. */
  #pickAgain(avoid: readonly M[]): M | null {
    const again = (endpoint: M): boolean => this.uses(endpoint) && endpoint.freeConnection() !== null;
    // The request may have been in another subset before.
    return avoid.find((endpoint) => again(endpoint) && this.#members.includes(endpoint)) ?? null;
  }

  /** Some member can take requests now, or could if it were not full. */
  get usable(): boolean {
    if (this.#stale) this.#rebuild();
    return this.#ready.length > 0;
  }

  /** Requests that find no free slot can hope: some member is in use (but full) or on its way. */
  get hopeful(): boolean {
    return this.#members.some((endpoint) => this.uses(endpoint) || endpoint.state === 'connecting');
  }

  /** Requests may go to this member. */
  uses(endpoint: M): boolean {
    if (this.#stale) this.#rebuild();
    if (this.#skipsWeightless && endpoint.weight === 0) return false;
    return endpoint.state === 'ready' || (this.#panics && endpoint.connected);
  }

  /** The instances that are picked from, and the next `count` choices. The picker does not move on: another one, that takes over from it, is asked. */
  preview(count: number, key: number): { readonly candidates: readonly M[]; readonly picks: readonly M[] } {
    if (this.#stale) this.#rebuild();
    const candidates = this.#ready;
    if (candidates.length === 0 || count === 0) return { candidates, picks: [] };
    const picker = this.#policy.factory(candidates, this.#picker, this.#context);
    const picks = Array.from({ length: count }, () => candidates[picker.pick(key)] as M);
    return { candidates, picks };
  }

  #rebuild(): void {
    this.#stale = false;
    const { panicThreshold, slowStart, zone } = this.#rules();
    let usable: readonly M[] = this.#members.filter((endpoint) => endpoint.state === 'ready');
    // Better a few errors than all the load on the few that are left (Envoy's panic threshold).
    const panics = usable.length < this.#members.length * panicThreshold;
    this.#skipsWeightless = usable.some(({ weight }) => weight > 0);
    const own = zone === null ? null : this.#ownZone(usable, zone.prefer);
    // A zone that is well is used, however the others are.
    this.#panics = own === null && panics;
    if (this.#panics) usable = this.#members.filter((endpoint) => endpoint.connected);
    this.#skipsWeightless = usable.some(({ weight }) => weight > 0);
    if (this.#skipsWeightless && usable.some(({ weight }) => weight === 0)) {
      usable = usable.filter(({ weight }) => weight > 0);
    }
    this.#ready = own ?? usable;
    this.#elsewhere = own === null ? [] : usable.filter(({ record }) => record.zone !== this.#context.zone);
    this.#slowStart = this.#policy.exact ? null : slowStart;
    if (this.#slowStart !== null) {
      this.#oldest = this.#ready.reduce((oldest, { usableSince }) => Math.min(oldest, usableSince), Infinity);
    }
    // A picker over nothing would lose the position; the old one is kept until there is something to pick from.
    if (this.#ready.length > 0) this.#picker = this.#policy.factory(this.#ready, this.#picker, this.#context);
  }

  /** The usable instances of the own zone; null when it has none, or too few of them are usable. */
  #ownZone(usable: readonly M[], prefer: number): readonly M[] | null {
    const isOwn = ({ record, weight }: M): boolean =>
      record.zone === this.#context.zone && (weight > 0 || !this.#skipsWeightless);
    if (this.#context.zone === null) return null;
    const own = usable.filter(isOwn);
    if (own.length === 0) return null;
    const all = this.#members.reduce((count, endpoint) => (isOwn(endpoint) ? count + 1 : count), 0);
    return own.length >= all * prefer ? own : null;
  }
}

/** gRPC's and Envoy's slow start: what share of its requests an instance gets that has been usable for `age` milliseconds. */
function shareOf(age: number, { window, aggression, minimum }: SlowStart): number {
  if (age >= window) return 1;
  return Math.max(minimum, (Math.max(0, age) / window) ** (1 / aggression));
}

/** The first one with a free slot, from `from` on and around; the full ones on the way are told that more is wanted of them. */
function firstFree<M extends Member>(list: readonly M[], from: number, avoid: readonly M[]): M | null {
  for (let i = 0; i < list.length; i++) {
    const endpoint = list[(from + i) % list.length] as M;
    if (avoid.includes(endpoint)) continue;
    if (endpoint.freeConnection() !== null) return endpoint;
    endpoint.wantMore();
  }
  return null;
}
