import { isDeepStrictEqual } from 'node:util';
import type { Reason } from '../../base/errors.ts';
import type { Balance } from '../../model/balancing.ts';
import { add, type Block, SERVICE } from '../../model/counters.ts';
import type { RequestRules } from '../../model/resilience.ts';
import type { ServiceSettings } from '../../model/service.ts';
import type { ServiceSnapshot } from '../../model/snapshot.ts';
import { needsOf } from '../balancing/policies.ts';
import { hashOf } from '../routing/request_key.ts';
import type { RequestView } from '../routing/request_view.ts';
import type { UpstreamContext } from './context.ts';
import { Endpoint, type EndpointOwner } from './endpoint.ts';
import { describeNoInstance, describeNoneReady } from './failure_text.ts';
import { OutlierDetector } from './outlier_detector.ts';
import { RetryBudget } from './retry_budget.ts';
import { type FilterText, Refusal, type Selectable, type Selection, Selector } from './selector.ts';
import type { Subset } from './subset.ts';
import { SubsetTable } from './subset_table.ts';
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

let arrivals = 0;

/** Copies of requests under way per service and thread; beyond, none are made. */
const MOST_MIRRORS = 100;

/** One service in a data thread: its instances, who may serve what, and the requests that wait. */
export class ServiceUpstream implements EndpointOwner, Selectable {
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
  readonly subsets: SubsetTable;
  readonly #selector: Selector;
  #pending = 0;
  #gone: Refusal | null = null;
  /** Rules of single methods by path; null when there are none. */
  #methods: ReadonlyMap<string, RequestRules> | null = null;
  /** All that it, or one of its methods, is balanced by. */
  policies: readonly Balance[] = [];
  #hashes = false;
  #readsReports = false;
  readonly outliers: OutlierDetector;
  readonly retryBudget = new RetryBudget();
  inFlight = 0;
  /** Copies of requests that are under way. */
  mirrors = 0;

  constructor(snapshot: ServiceSnapshot, context: UpstreamContext) {
    this.name = snapshot.name;
    this.settings = snapshot.settings;
    this.#context = context;
    this.block = context.block(snapshot.counters);
    this.unversionedBlock = this.block;
    this.outliers = new OutlierDetector(snapshot.settings.outlier, () => this.#sorted);
    this.subsets = new SubsetTable(
      () => this.settings,
      context,
      () => this.policyFault(),
    );
    this.#selector = new Selector(this);
    this.#configure(snapshot.settings);
    this.apply(snapshot);
  }

  /** The rules for requests of this path. */
  rules(path: string): RequestRules {
    return this.#methods?.get(path) ?? this.settings;
  }

  #configure(settings: ServiceSettings): void {
    this.settings = settings;
    const methods = Object.entries(settings.methods);
    this.#methods = methods.length === 0 ? null : new Map(methods);
    const policies = [settings.balance, ...methods.map(([, rules]) => rules.balance)];
    this.policies = policies;
    this.#hashes = policies.some((policy) => needsOf(policy).key);
    this.#readsReports = policies.some((policy) => needsOf(policy).reports);
    this.outliers.configure(settings.outlier);
    for (const endpoint of this.#sorted) endpoint.configure();
  }

  /** The registry has answered, and there is nobody; or it is not even followed any more. */
  get isVacant(): boolean {
    return this.#gone !== null || (this.known && this.#endpoints.size === 0);
  }

  /** Looks for connections whose other end hangs. */
  sweep(): void {
    for (const endpoint of this.#sorted) endpoint.sweep();
    this.outliers.sweep(this.#context.clock.now(), this.block);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#sorted;
  }

  /** Takes over what changed. Instances that stay keep their connections, whatever else about them is new. */
  apply(snapshot: ServiceSnapshot): void {
    // Every message brings a copy; what instances have learned must not be lost for that.
    const configured = !isDeepStrictEqual(snapshot.settings, this.settings);
    const fresh = snapshot.settings.balance !== this.settings.balance;
    if (configured) this.#configure(snapshot.settings);
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
        endpoint.update(record, versionBlock);
      } else {
        const fresh = new Endpoint(record, versionBlock, this, this.#context);
        this.#endpoints.set(fresh.id, fresh);
        added.push(fresh);
      }
    }
    if (left.length > 0) this.#sorted = this.#sorted.filter((endpoint) => !gone.has(endpoint.id));
    if (added.length > 0) this.#sorted = merge(this.#sorted, added);
    this.subsets.regroup(this.#sorted, fresh, configured);
    this.#selector.changed();
    for (const endpoint of left) endpoint.drain();
    for (const endpoint of added) endpoint.start();
    this.#reselectWaiting();
  }

  /** The instances for a request, by the rules of its method. */
  select(view: RequestView, rules: RequestRules): Selection {
    if (this.#gone !== null) return this.#gone;
    if (!this.known) return this.subsets.early;
    return this.#selector.select(view, rules);
  }

  /** An instance with a free stream for a copy of a request; null when none is due, there is none, or too many are under way. */
  pickMirror(key: number): Endpoint | null {
    const rule = this.settings.mirror;
    if (rule === null || this.mirrors >= MOST_MIRRORS || this.#context.random() >= rule.share) return null;
    const endpoint = this.subsets.ofVersion(rule.version)?.pick([], key) ?? null;
    // Whether an instance may come back is for a real request to find out.
    return endpoint === null || endpoint.health.probe !== 'none' ? null : endpoint;
  }

  /** Some policy of it goes by the instances' load reports. */
  get readsReports(): boolean {
    return this.#readsReports;
  }

  /** A policy of the user's own is another now. */
  policyChanged(): void {
    for (const subset of this.subsets.subsets()) subset.invalidate();
  }

  /** Round robin took the place of a policy of the user's own. */
  policyFault(): void {
    add(this.block, SERVICE.POLICY_FAULTS, 1);
  }

  /** Some policy of it goes by what `keyOf` says. */
  get hashes(): boolean {
    return this.#hashes;
  }

  /** The filters of a request in words, for those who ask why; `selected` is what `select` gave, null when it refused. */
  reasons(view: RequestView, rules: RequestRules, selected: Subset | null): FilterText[] {
    return this.#selector.reasons(view, rules, selected);
  }

  /** Takes the request's place in the rate that `endpoint` allows its method; false when that is used up. */
  admits(endpoint: Endpoint, view: RequestView): boolean {
    return !this.#selector.limitsRate(view) || endpoint.admits(view.method);
  }

  /** What the policy hashes the request by. */
  keyOf(view: RequestView): number {
    const source = this.settings.hashOn;
    const key = source === null ? null : hashOf(view, source);
    return key ?? (this.#context.random() * 2 ** 32) >>> 0;
  }

  /** No member of `subset` is ready, nor about to be. */
  noneReady(subset: Subset): Refusal {
    const { reason, message } = describeNoneReady(this.name, subset);
    return new Refusal(reason, message);
  }

  random(): number {
    return this.#context.random();
  }

  noInstance(): Refusal {
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
    this.subsets.slotFreed(endpoint);
    if (this.#pending === 0) return;
    while (endpoint.freeConnection() !== null) {
      const next = this.#firstWaiting(endpoint);
      if (next === null) return;
      this.stopWaiting(next);
      next.dispatch(endpoint);
    }
    if (this.#pending > 0) endpoint.wantMore();
  }

  /** Of those who wait for `endpoint`, and may have it, the one who came first. */
  #firstWaiting(endpoint: Endpoint): WaitingRequest | null {
    let first: Waiter | null = null;
    for (const subset of this.subsets.containing(endpoint)) {
      const { head } = subset.queue;
      if (head === null || !subset.uses(endpoint)) continue;
      if (first === null || head.waitOrder < first.waitOrder) first = head;
    }
    return first as WaitingRequest | null;
  }

  endpointChanged(endpoint: Endpoint): void {
    for (const subset of this.subsets.containing(endpoint)) subset.invalidate();
    if (endpoint.state === 'ready') return this.endpointFree(endpoint);
    for (const subset of this.subsets.containing(endpoint)) {
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
    for (const subset of this.subsets.subsets()) this.#refuseAll(subset, refusal);
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

  /** Requests that waited for the first answer, or for a version that left, choose among what there is now. */
  #reselectWaiting(): void {
    if (this.#pending === 0 || (!this.known && this.trouble === null && this.#gone === null)) return;
    const waiting: WaitingRequest[] = [];
    for (const subset of this.subsets.subsets()) {
      for (let waiter = subset.queue.head; waiter !== null; waiter = subset.queue.head) {
        this.stopWaiting(waiter as WaitingRequest);
        waiting.push(waiter as WaitingRequest);
      }
    }
    waiting.sort((a, b) => a.waitOrder - b.waitOrder);
    for (const request of waiting) request.reselect();
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
