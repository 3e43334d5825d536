import type { Reason } from '../../base/errors.ts';
import { add, type Block, SERVICE } from '../../model/counters.ts';
import type { ServiceSettings } from '../../model/service.ts';
import type { ServiceSnapshot } from '../../model/snapshot.ts';
import { POLICIES } from '../balancing/policies.ts';
import type { UpstreamContext } from './context.ts';
import { Endpoint, type EndpointOwner } from './endpoint.ts';
import { describeNoInstance, describeNoneReady, describeNoVersion, describeVersions } from './failure_text.ts';
import { Subset } from './subset.ts';
import type { Waiter } from './wait_queue.ts';

/** A request that waits for an instance. */
export interface WaitingRequest extends Waiter {
  /** Sends the request to `endpoint`, which has a free slot. */
  dispatch(endpoint: Endpoint): void;
  /** The wait is over without an instance. */
  refuse(reason: Reason, message: string): void;
  /** Its choice of instances has to be made again: the set has changed. */
  reselect(): void;
}

/** What a request gets when it asks for instances. */
export type Selection = Subset | Refusal;

/** Why a request cannot go anywhere; turned into an answer by the exchange. */
export class Refusal {
  readonly reason: Reason;
  readonly message: string;
  constructor(reason: Reason, message: string) {
    this.reason = reason;
    this.message = message;
  }
}

let arrivals = 0;

/** One service in a data thread: its instances, who may serve what, and the requests that wait. */
export class ServiceUpstream implements EndpointOwner {
  readonly name: string;
  settings: ServiceSettings;
  block: Block;
  /** Counts answers made without an instance. */
  unversionedBlock: Block;
  /** False until the registry has answered. */
  known = false;
  updatedAt = 0;
  /** What is wrong with its registry; null when it answers. */
  trouble: string | null = null;
  readonly #context: UpstreamContext;
  readonly #endpoints = new Map<string, Endpoint>();
  /** Sorted by id. */
  #sorted: Endpoint[] = [];
  #all: Subset;
  #byVersion = new Map<string, Subset>();
  /** Requests that came before the registry's first answer. */
  #early: Subset;
  #pending = 0;
  #gone: Refusal | null = null;
  /** `describeNoVersion` of this set, but for the version asked for; made when it is first needed. */
  #versionCounts: string | null = null;
  inFlight = 0;

  constructor(snapshot: ServiceSnapshot, context: UpstreamContext) {
    this.name = snapshot.name;
    this.settings = snapshot.settings;
    this.#context = context;
    this.block = context.block(snapshot.counters);
    this.unversionedBlock = this.block;
    this.#all = this.#newSubset(null);
    this.#early = this.#newSubset(null);
    this.apply(snapshot);
  }

  get connectionsPerInstance(): number {
    return this.settings.limits.connectionsPerInstance;
  }

  /** The registry has answered, and there is nobody; or it is not even followed any more. */
  get isVacant(): boolean {
    return this.#gone !== null || (this.known && this.#endpoints.size === 0);
  }

  /** Looks for connections whose other end hangs. */
  sweep(): void {
    for (const endpoint of this.#sorted) endpoint.sweep();
  }

  get endpoints(): readonly Endpoint[] {
    return this.#sorted;
  }

  /** Takes over what changed. Instances that stay keep their connections, whatever else about them is new. */
  apply(snapshot: ServiceSnapshot): void {
    const rebuildPickers = snapshot.settings.balance !== this.settings.balance;
    this.settings = snapshot.settings;
    this.block = this.#context.block(snapshot.counters);
    // A service that was discovered counted nowhere until now.
    this.block.view[this.block.base + SERVICE.IN_FLIGHT] = this.inFlight;
    this.block.view[this.block.base + SERVICE.PENDING] = this.#pending;
    const unversioned = snapshot.versions[''];
    if (unversioned !== undefined) this.unversionedBlock = this.#context.block(unversioned);
    this.updatedAt = snapshot.updatedAt;
    this.known = snapshot.known;
    this.trouble = snapshot.trouble;

    const gone = new Set(snapshot.remove);
    if (snapshot.full) {
      const kept = new Set(snapshot.upsert.map((record) => record.address));
      for (const id of this.#endpoints.keys()) if (!kept.has(id)) gone.add(id);
    }
    const left: Endpoint[] = [];
    for (const id of gone) {
      const endpoint = this.#endpoints.get(id);
      if (endpoint === undefined) continue;
      this.#endpoints.delete(id);
      left.push(endpoint);
    }
    const added: Endpoint[] = [];
    for (const record of snapshot.upsert) {
      const version = record.version ?? '';
      const range = Object.hasOwn(snapshot.versions, version) ? snapshot.versions[version] : undefined;
      const versionBlock = range === undefined ? this.unversionedBlock : this.#context.block(range);
      const endpoint = this.#endpoints.get(record.address);
      if (endpoint !== undefined) {
        endpoint.record = record;
        endpoint.versionBlock = versionBlock;
      } else {
        const fresh = new Endpoint(record, versionBlock, this, this.#context);
        this.#endpoints.set(fresh.id, fresh);
        added.push(fresh);
      }
    }
    if (left.length > 0) this.#sorted = this.#sorted.filter((endpoint) => !gone.has(endpoint.id));
    if (added.length > 0) this.#sorted = merge(this.#sorted, added);
    this.#regroup(rebuildPickers);
    for (const endpoint of left) endpoint.drain();
    for (const endpoint of added) endpoint.start();
    this.#reselectWaiting();
  }

  /** The instances for a request that names `requested` (a version, or null). */
  select(requested: string | null): Selection {
    if (this.#gone !== null) return this.#gone;
    if (!this.known) return this.#early;
    const rule = this.settings.version;
    const version = requested ?? rule.default;
    if (version === null || version === '') return this.#all.members.length > 0 ? this.#all : this.#noInstance();
    const subset = this.#byVersion.get(version);
    if (subset !== undefined) return subset;
    if (rule.fallback === 'any') return this.#all.members.length > 0 ? this.#all : this.#noInstance();
    if (rule.fallback !== 'none') {
      for (const other of rule.fallback) {
        const next = this.#byVersion.get(other);
        if (next !== undefined) return next;
      }
    }
    if (this.#all.members.length === 0) return this.#noInstance();
    this.#versionCounts ??= describeVersions(this.#sorted);
    return new Refusal('no_version', describeNoVersion(this.name, version, this.#versionCounts));
  }

  /** No member of `subset` is ready, nor about to be. */
  noneReady(subset: Subset): Refusal {
    const { reason, message } = describeNoneReady(this.name, subset);
    return new Refusal(reason, message);
  }

  #noInstance(): Refusal {
    return new Refusal('no_instance', describeNoInstance(this.name, this.settings, this.updatedAt));
  }

  // Waiting

  /** Null when the request waits now; else why it cannot. */
  wait(request: WaitingRequest, subset: Subset): Refusal | null {
    const limit = this.settings.limits.pending;
    if (this.#pending >= limit) {
      return new Refusal(
        'overloaded',
        `service "${this.name}" has ${limit} requests waiting for an instance, which is the limit (limits.pending)`,
      );
    }
    // Whoever chooses again keeps its place.
    subset.queue.push(request, request.waitOrder === 0 ? ++arrivals : request.waitOrder);
    this.#pending++;
    add(this.block, SERVICE.PENDING, 1);
    return null;
  }

  stopWaiting(request: WaitingRequest): void {
    const queue = request.waitsIn;
    if (queue === null) return;
    queue.remove(request);
    this.#pending--;
    add(this.block, SERVICE.PENDING, -1);
  }

  endpointFree(endpoint: Endpoint): void {
    this.#all.slotFreed();
    const own = this.#ownSubset(endpoint);
    own?.slotFreed();
    if (this.#pending === 0) return;
    while (endpoint.state === 'ready' && endpoint.freeConnection() !== null) {
      const a = this.#all.queue.head;
      const b = own === undefined ? null : own.queue.head;
      const next = a === null || (b !== null && b.waitOrder < a.waitOrder) ? b : a;
      if (next === null) return;
      this.stopWaiting(next as WaitingRequest);
      (next as WaitingRequest).dispatch(endpoint);
    }
    if (this.#pending > 0) endpoint.wantMore();
  }

  endpointChanged(endpoint: Endpoint): void {
    this.#all.invalidate();
    const own = this.#ownSubset(endpoint);
    own?.invalidate();
    if (endpoint.state === 'ready') return this.endpointFree(endpoint);
    for (const subset of own === undefined ? [this.#all] : [this.#all, own]) {
      if (subset.queue.length > 0 && !subset.hopeful) this.#refuseAll(subset, this.noneReady(subset));
    }
  }

  /** The service is no more: instances drain, whoever waits chooses again and finds `message`. */
  close(reason: Reason, message: string): void {
    this.#gone = new Refusal(reason, message);
    this.#reselectWaiting();
    for (const endpoint of this.#sorted) endpoint.drain();
    this.#endpoints.clear();
    this.#sorted = [];
  }

  /** Whoever waits is told so and waits no longer. */
  refuseWaiting(reason: Reason, message: string): void {
    const refusal = new Refusal(reason, message);
    for (const subset of this.#subsets()) this.#refuseAll(subset, refusal);
  }

  destroy(reason: string): void {
    for (const endpoint of this.#sorted) endpoint.destroy(reason);
  }

  #refuseAll(subset: Subset, refusal: Refusal): void {
    for (let waiter = subset.queue.head; waiter !== null; waiter = subset.queue.head) {
      this.stopWaiting(waiter as WaitingRequest);
      (waiter as WaitingRequest).refuse(refusal.reason, refusal.message);
    }
  }

  #ownSubset(endpoint: Endpoint): Subset | undefined {
    const version = endpoint.record.version;
    return version === null ? undefined : this.#byVersion.get(version);
  }

  #newSubset(version: string | null): Subset {
    return new Subset(version, POLICIES[this.settings.balance], this.#context.random);
  }

  #subsets(): Subset[] {
    return [this.#early, this.#all, ...this.#byVersion.values()];
  }

  /** Sorts the instances into subsets; subsets that stay keep their picker's position, unless the policy is another now. */
  #regroup(fresh: boolean): void {
    this.#versionCounts = null;
    const versions = new Map<string, Endpoint[]>();
    for (const endpoint of this.#sorted) {
      const version = endpoint.record.version;
      if (version === null) continue;
      const members = versions.get(version);
      if (members === undefined) versions.set(version, [endpoint]);
      else members.push(endpoint);
    }
    const before = this.#byVersion;
    const all = this.#all;
    if (fresh) {
      this.#all = this.#newSubset(null);
      adopt(all, this.#all);
    }
    this.#all.setMembers(this.#sorted);
    this.#byVersion = new Map();
    for (const [version, members] of versions) {
      const old = before.get(version);
      const subset = old === undefined || fresh ? this.#newSubset(version) : old;
      if (old !== undefined && old !== subset) adopt(old, subset);
      subset.setMembers(members);
      this.#byVersion.set(version, subset);
    }
    // Whoever waited for a version that is gone chooses again.
    for (const [version, subset] of before) if (!this.#byVersion.has(version)) adopt(subset, this.#early);
  }

  /** Requests that waited for the first answer, or for a version that left, choose among what there is now. */
  #reselectWaiting(): void {
    if (this.#pending === 0 || (!this.known && this.trouble === null && this.#gone === null)) return;
    const waiting: WaitingRequest[] = [];
    for (const subset of this.#subsets()) {
      for (let waiter = subset.queue.head; waiter !== null; waiter = subset.queue.head) {
        this.stopWaiting(waiter as WaitingRequest);
        waiting.push(waiter as WaitingRequest);
      }
    }
    waiting.sort((a, b) => a.waitOrder - b.waitOrder);
    for (const request of waiting) request.reselect();
  }
}

/** Moves the waiting requests of `from` to `to`, in order. */
function adopt(from: Subset, to: Subset): void {
  for (let waiter = from.queue.head; waiter !== null; waiter = from.queue.head) {
    from.queue.remove(waiter);
    to.queue.push(waiter, waiter.waitOrder);
  }
}

/** Two sorted lists as one; `added` need not be sorted. */
function merge(sorted: readonly Endpoint[], added: Endpoint[]): Endpoint[] {
  added.sort((a, b) => (a.id < b.id ? -1 : 1));
  const merged: Endpoint[] = [];
  let i = 0;
  for (const endpoint of added) {
    while (i < sorted.length && (sorted[i] as Endpoint).id < endpoint.id) merged.push(sorted[i++] as Endpoint);
    merged.push(endpoint);
  }
  while (i < sorted.length) merged.push(sorted[i++] as Endpoint);
  return merged;
}
