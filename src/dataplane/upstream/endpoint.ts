import { backoffDelay, CONNECTION_BACKOFF } from '../../base/backoff.ts';
import { Budget } from '../../http2/budget.ts';
import {
  add,
  type Block,
  CONNECT_RESULTS,
  CONNECTION_STATES,
  type ConnectionState,
  type ConnectResult,
  ENDPOINT,
  ENDPOINT_STATES,
  type EndpointState,
} from '../../model/counters.ts';
import { DRAIN_LIMIT, parseAddress, type Target } from '../../model/instance.ts';
import type { EjectionReason } from '../../model/resilience.ts';
import type { Protocol, ServiceSettings } from '../../model/service.ts';
import type { EndpointRecord } from '../../model/snapshot.ts';
import type { UpstreamTls } from '../../model/tls.ts';
import { Load } from '../balancing/load.ts';
import type { LocalCandidate } from '../balancing/picker.ts';
import { needsOf } from '../balancing/policies.ts';
import { ConcurrencyLimit } from './concurrency.ts';
import type { UpstreamContext } from './context.ts';
import type { Dialable } from './dial_queue.ts';
import type { SessionKeeper, TlsSession } from './dial_tls.ts';
import type { Judged, OutlierDetector } from './outlier_detector.ts';
import { PassiveHealth } from './passive_health.ts';
import { UpstreamConnection } from './upstream_connection.ts';

/** A connection that ends sooner than this after it was ready counts as a failed attempt, in milliseconds. */
const SHORT_LIVED = 1_000;
/** A server that complains of PINGs is asked at most this many times more rarely. */
const MAX_PING_FACTOR = 64;

/** A request that probes an instance and is not answered for this long, as streams may not be, does not keep the next one waiting; in milliseconds. */
const PROBE_PATIENCE = 10_000;
/** What differences of times may be wrong by, in milliseconds. */
const CLOCK_ERROR = 0.001;

/** What an endpoint tells the service it belongs to. */
export interface EndpointOwner {
  /** It became able or unable to take requests. */
  endpointChanged(endpoint: Endpoint): void;
  /** A stream slot became free on it. */
  endpointFree(endpoint: Endpoint): void;
  readonly settings: ServiceSettings;
  readonly outliers: OutlierDetector;
  readonly block: Block;
  readonly name: string;
}

/** Where the connections of an instance stand, whatever is held against it. */
type Link = 'connecting' | 'ready' | 'backoff' | 'draining' | 'unknown';

/**
 * One instance as a data thread sees it: its connections, and whether requests can go there.
 *
 *                       +----------- GOAWAY, connection lost: redial at once ----------+
 *                       v                                                               |
 *     (added) --> connecting -- first connection ready --> ready -----------------------+
 *                  |      ^                                  |
 *           failed |      | backoff over                     | removed from the registry
 *                  v      |                                  v
 *                 backoff-+          (removed) --------> draining -- last stream --> (gone)
 *
 * A connection that is lost within a second after it was ready counts as a failed attempt: to backoff, not to connecting. While it is
 * ready, it may be `unhealthy` (a check failed) or `ejected` (its answers failed): connected, but not picked.
 */
export class Endpoint implements LocalCandidate, Dialable, Judged, SessionKeeper {
  readonly id: string;
  readonly target: Target;
  record: EndpointRecord;
  state: EndpointState = 'connecting';
  /** Why it is out, for error messages; empty while it is ready. */
  lastError = '';
  /** Failed connection attempts in a row. */
  failures = 0;
  readonly block: Block;
  versionBlock: Block;
  readonly health = new PassiveHealth();
  readonly load: Load;
  tlsSession: TlsSession | null = null;
  /** Policies see it in `load`. */
  inFlight = 0;
  /** Since when it takes requests, on the turn clock: when it became ready, healthy or was let in again; 0 before. */
  usableSince = 0;

  readonly #owner: EndpointOwner;
  readonly #context: UpstreamContext;
  #connections: UpstreamConnection[] = [];
  /** The connection that had a free slot last. */
  #current: UpstreamConnection | null = null;
  #link: Link = 'connecting';
  #retry: NodeJS.Timeout | null = null;
  #drainTimer: NodeJS.Timeout | null = null;
  #ejectionTimer: NodeJS.Timeout | null = null;
  #concurrency: ConcurrencyLimit;
  /** The policy looks at latency and failures. */
  #watchesLoad: boolean;
  /** What `failures` was when the last connection became ready: it counts again if that did not last. */
  #failuresBefore = 0;
  /** No further connection beside those there are before this time, since the last one failed; and how often in a row. */
  #moreAt = 0;
  #moreFailures = 0;
  #pingFactor = 1;
  /** By method, for those that the record limits: requests per second, and what is left of them. */
  readonly #rates = new Map<string, { readonly limit: number; readonly budget: Budget }>();
  #gone = false;
  /** What its connections are made for. */
  #speech: string;
  /** The `lastError` that was last told. */
  #toldError = '';

  constructor(record: EndpointRecord, versionBlock: Block, owner: EndpointOwner, context: UpstreamContext) {
    this.id = record.address;
    this.record = record;
    this.target = parseAddress(record.address) as Target;
    this.block = context.block(record.counters);
    this.versionBlock = versionBlock;
    this.#owner = owner;
    this.#context = context;
    this.load = new Load(context.loads);
    this.#concurrency = new ConcurrencyLimit(owner.settings.limits.instanceConcurrency);
    this.#watchesLoad = isLoadAware(owner.settings);
    this.#speech = speech(owner.settings);
    this.#setLink('connecting');
  }

  get protocol(): Protocol {
    return this.#owner.settings.protocol;
  }

  get connectionsPerInstance(): number {
    return this.#owner.settings.limits.connectionsPerInstance;
  }

  /** How its connections are secured; null: not at all. */
  get tls(): UpstreamTls | null {
    return this.#owner.settings.tls ?? null;
  }

  /** It has a connection: in an emergency requests can go there, whatever is held against it. */
  get connected(): boolean {
    return this.#link === 'ready';
  }

  /** Takes over what the registry, or a check, says of it now. The owner looks at all its instances anew afterwards. */
  update(record: EndpointRecord, versionBlock: Block): void {
    const recovered = record.healthy !== false && this.record.healthy === false;
    this.record = record;
    this.versionBlock = versionBlock;
    // A check that passes is proof enough (rule of passive health): nothing is held against it any more.
    if (recovered) this.#forgive();
    this.#show(false);
  }

  /** The service's limits are others now. */
  configure(): void {
    this.#concurrency = new ConcurrencyLimit(this.#owner.settings.limits.instanceConcurrency);
    this.#watchesLoad = isLoadAware(this.#owner.settings);
    const spoken = speech(this.#owner.settings);
    if (spoken === this.#speech) return;
    this.#speech = spoken;
    for (const connection of [...this.#connections]) {
      connection.drain();
      this.connectionDraining(connection);
    }
    // What failed before says nothing about the new way.
    if (this.#link !== 'backoff' || this.#connections.length > 0) return;
    this.#stopRetry();
    this.failures = 0;
    this.#dial();
  }

  /** Its connection is one after attempts that had failed. */
  get recovered(): boolean {
    return this.#failuresBefore > 0;
  }

  get weight(): number {
    return this.record.weight;
  }

  /** The first dial; apart from the constructor, so that the owner knows the endpoint when answers come. */
  start(): void {
    this.#context.dials.add(this);
  }

  dial(): void {
    if (this.#link === 'connecting' && this.#connections.length === 0) this.#dial();
  }

  /** A connection with a free stream slot, or null. */
  freeConnection(): UpstreamConnection | null {
    if (this.inFlight >= this.#concurrency.limit || this.health.probe === 'running') return null;
    const current = this.#current;
    if (current?.canOpen) return current;
    for (const connection of this.#connections) {
      if (connection.canOpen) {
        this.#current = connection;
        return connection;
      }
    }
    return null;
  }

  /** Every connection is full: opens another if the limit allows and none is on its way. */
  wantMore(): void {
    if (this.#link !== 'ready' || this.inFlight >= this.#concurrency.limit || this.health.probe === 'running') return;
    for (const connection of [...this.#connections]) {
      if (connection.state === 'connecting') return;
      // One has just been lost: what that means is decided when it has closed.
      if (connection.state === 'ready' && connection.http2.failed) return;
      // No stream id is left: it finishes what it has, and makes room for another.
      if (connection.http2.exhausted) connection.drain();
    }
    if (this.#hasRoom && this.#context.clock.now() >= this.#moreAt) this.#dial();
  }

  get #hasRoom(): boolean {
    let open = 0;
    for (const { state } of this.#connections) if (state !== 'draining') open++;
    // What speaks HTTP/1.1 has one connection here, with as many streams as there may be connections behind it.
    return open < (this.protocol === 'h2' ? this.connectionsPerInstance : 1);
  }

  /** Counts one more request for `method` against the rate that its record allows; false when that is used up. */
  admits(method: string): boolean {
    const limit = this.record.methods?.[method]?.limit ?? null;
    if (limit === null) return true;
    const now = this.#context.clock.now();
    const known = this.#rates.get(method);
    const rate = known?.limit === limit ? known : { limit, budget: new Budget(limit, now) };
    if (rate !== known) this.#rates.set(method, rate);
    return rate.budget.take(now);
  }

  /** Looks for connections whose other end hangs. */
  sweep(): void {
    for (const connection of [...this.#connections]) connection.sweep(this.#pingFactor);
    const { probe, probedAt } = this.health;
    if (probe === 'running' && this.#context.clock.now() - probedAt > PROBE_PATIENCE) this.#probed('due');
    const maxAge = this.#owner.settings.maxConnectionAge;
    if (maxAge === null || this.#link !== 'ready') return;
    const old = this.#connections.some((connection) => connection.outlives(maxAge));
    const connecting = this.#connections.some(({ state }) => state === 'connecting');
    // The new one first; `connectionReady` lets the old ones go.
    if (old && !connecting && this.#context.clock.now() >= this.#moreAt) this.#dial();
  }

  /** The server found our PINGs too many (rule of gRFC A8: half as often from now on). */
  pingLess(): void {
    this.#pingFactor = Math.min(MAX_PING_FACTOR, this.#pingFactor * 2);
  }

  /** A request was sent here, or ended. */
  requestStarted(): void {
    if (this.health.probe === 'due') {
      this.health.probe = 'running';
      this.health.probedAt = this.#context.clock.now();
    }
    this.load.inFlight = ++this.inFlight;
    add(this.block, ENDPOINT.IN_FLIGHT, 1);
  }

  requestEnded(): void {
    this.load.inFlight = --this.inFlight;
    add(this.block, ENDPOINT.IN_FLIGHT, -1);
    if (this.#link === 'draining') this.#goneIfIdle();
    else if (this.inFlight + 1 >= this.#concurrency.limit && this.#link === 'ready') this.#owner.endpointFree(this);
  }

  /** It answered, or did not. `latency` in milliseconds, to the answer's end. */
  judge(failed: boolean, latency: number): void {
    const { outliers, block } = this.#owner;
    if (this.#watchesLoad) this.load.ended(latency, failed, this.#context.clock.now());
    const probe = this.#isProbe(latency);
    if (failed) outliers.failed(this, probe, this.#context.clock.now(), block);
    else {
      outliers.succeeded(this);
      this.#concurrency.answered(latency, this.inFlight, this.#context.clock.now());
    }
    if (probe && this.health.probe === 'running') this.#probed(failed ? 'due' : 'none');
  }

  /** A request ended without telling anything about it. */
  unjudged(latency: number): void {
    if (this.#isProbe(latency)) this.#probed('due');
  }

  /** It is being probed, and not by a request that is older than that. */
  #isProbe(latency: number): boolean {
    const { probe, probedAt } = this.health;
    return probe === 'running' && latency <= this.#context.clock.now() - probedAt + CLOCK_ERROR;
  }

  #probed(next: 'due' | 'none'): void {
    this.health.probe = next;
    if (next === 'none') {
      this.usableSince = this.#context.clock.now();
      this.#context.onEndpointState(this.#owner.name, this, 'its answers are fine again');
    }
    this.#owner.endpointFree(this);
  }

  eject(ms: number, reason: EjectionReason): void {
    this.health.ejectedUntil = this.#context.clock.now() + ms;
    this.lastError = `left out for ${ms} ms (${reason})`;
    if (this.#ejectionTimer !== null) clearTimeout(this.#ejectionTimer);
    this.#ejectionTimer = setTimeout(() => this.#probation(), ms);
    this.#ejectionTimer.unref();
    this.#show();
    this.#context.onEndpointState(this.#owner.name, this, this.lastError);
    this.#tellError();
  }

  #probation(): void {
    this.#ejectionTimer = null;
    this.health.ejectedUntil = 0;
    this.health.probe = 'due';
    if (this.#link === 'ready') this.lastError = '';
    this.#show();
    this.#tellError();
  }

  #forgive(): void {
    if (this.#ejectionTimer !== null) clearTimeout(this.#ejectionTimer);
    this.#ejectionTimer = null;
    if (this.health.ejected && this.#link === 'ready') this.lastError = '';
    this.health.reset();
    this.#tellError();
  }

  /** Left the registry: no new requests, the running ones finish. */
  drain(): void {
    this.#stopRetry();
    this.#forgive();
    this.#setLink('draining');
    this.#context.leaving.add(this);
    for (const connection of [...this.#connections]) connection.drain();
    this.#drainTimer = setTimeout(() => this.destroy('drained for too long'), DRAIN_LIMIT);
    this.#drainTimer.unref();
    this.#goneIfIdle();
  }

  destroy(reason: string): void {
    this.#stopRetry();
    this.#forgive();
    // Nothing is dialed again.
    this.#setLink('draining');
    for (const connection of [...this.#connections]) connection.destroy(reason);
  }

  // From its connections

  connectionReady(): void {
    this.#stopRetry();
    this.#failuresBefore = this.failures;
    this.failures = 0;
    if (!this.health.ejected) this.lastError = '';
    this.#count('ok');
    this.#tellError();
    const maxAge = this.#owner.settings.maxConnectionAge;
    if (maxAge !== null) for (const old of [...this.#connections]) if (old.outlives(maxAge)) old.drain();
    if (this.#link === 'connecting' || this.#link === 'backoff') {
      this.#setLink('ready');
      this.#context.onEndpointState(this.#owner.name, this, 'connected');
    } else if (this.#link === 'ready') this.#owner.endpointFree(this);
  }

  connectionDraining(connection: UpstreamConnection): void {
    if (this.#link === 'ready') this.#replace(connection.age, connection.goaway);
  }

  /**
   * So many resets wait on `connection` that another should take its place: sees to it, and says whether there is one, so that this one may
   * be drained.
   */
  replaceWorn(connection: UpstreamConnection): boolean {
    const others = this.#connections.filter((other) => other !== connection && other.state === 'ready');
    if (others.some((other) => !other.http2.worn)) return true;
    if (this.#connections.some((other) => other.state === 'connecting')) return false;
    if (this.#hasRoom || others.length === 0) {
      if (this.#context.clock.now() >= this.#moreAt) this.#dial();
      return false;
    }
    return true;
  }

  slotFree(): void {
    if (this.#link === 'ready') this.#owner.endpointFree(this);
  }

  connectionChanged(): void {
    for (let i = 0; i < CONNECTION_STATES.length; i++) {
      let count = 0;
      for (const connection of this.#connections) if (connection.state === CONNECTION_STATES[i]) count++;
      this.block.view[this.block.base + ENDPOINT.CONNECTIONS + i] = count;
    }
  }

  /** `was` is the state that the connection ended in. */
  connectionClosed(connection: UpstreamConnection, was: ConnectionState, failure: ConnectResult, reason: string): void {
    this.#connections = this.#connections.filter((other) => other !== connection);
    if (this.#current === connection) this.#current = null;
    this.connectionChanged();
    if (this.#link === 'draining') return this.#goneIfIdle();
    if (was === 'connecting') this.#count(failure);
    if (this.#connections.some((other) => other.state === 'ready')) {
      if (was === 'connecting') this.#moreLater();
      else if (was === 'ready') this.#replace(connection.age, reason);
      return;
    }
    if (was !== 'connecting') {
      if (this.#link === 'ready') this.#replace(connection.age, reason);
    } else {
      this.failures++;
      this.lastError = reason;
      if (!this.#connections.some((other) => other.state === 'connecting')) this.#backOff();
    }
  }

  /**
   * A connection that served for `age` milliseconds is going or gone: dials at once, or after a while if it had hardly begun, and says
   * whether requests can still go here.
   */
  #replace(age: number, reason: string): void {
    const ready = this.#connections.some((connection) => connection.state === 'ready');
    if (ready && age < SHORT_LIVED) return this.#moreLater();
    if (ready) this.#moreFailures = 0;
    else this.lastError = reason;
    if (age < SHORT_LIVED) {
      this.failures = this.#failuresBefore + 1;
      return this.#backOff();
    }
    const connecting = this.#connections.some((connection) => connection.state === 'connecting');
    if (!connecting && this.#hasRoom) this.#dial();
    if (ready) return;
    this.#setLink('connecting');
    this.#context.onEndpointState(this.#owner.name, this, reason);
  }

  /** One connection more than before was tried, and did not last. */
  #moreLater(): void {
    this.#moreAt = this.#context.clock.now() + this.#delay(++this.#moreFailures);
  }

  #delay(failures: number): number {
    return backoffDelay(CONNECTION_BACKOFF, failures, () => this.#context.random());
  }

  #backOff(): void {
    this.#stopRetry();
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#dial();
    }, this.#delay(this.failures));
    this.#retry.unref();
    const first = this.#link !== 'backoff';
    this.#setLink('backoff');
    if (first) this.#context.onEndpointState(this.#owner.name, this, this.lastError);
    this.#tellError();
  }

  /** Whoever looks at the instances from outside wants to know why one is out. */
  #tellError(): void {
    if (this.lastError === this.#toldError) return;
    this.#toldError = this.lastError;
    this.#context.onEndpointError(this.#owner.name, this);
  }

  #dial(): void {
    this.#connections.push(new UpstreamConnection(this, this.#context));
    this.connectionChanged();
  }

  #goneIfIdle(): void {
    if (this.#gone || this.#connections.length > 0 || this.inFlight > 0) return;
    this.#gone = true;
    this.load.release();
    this.#context.leaving.delete(this);
    if (this.#drainTimer !== null) clearTimeout(this.#drainTimer);
    this.#setLink('unknown');
    this.#context.onEndpointGone(this.#owner.name, this);
  }

  #stopRetry(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #setLink(link: Link): void {
    this.#link = link;
    this.#show();
  }

  /** Brings `state` up to date, and tells whoever has to know. */
  #show(tell = true): void {
    const before = this.state;
    const state = this.#visibleState();
    this.block.view[this.block.base + ENDPOINT.STATE] = ENDPOINT_STATES.indexOf(state);
    if (state === before) return;
    this.state = state;
    if (state === 'ready') this.usableSince = this.#context.clock.now();
    // One that leaves is not the service's any more.
    if (tell && state !== 'draining' && state !== 'unknown') this.#owner.endpointChanged(this);
  }

  #visibleState(): EndpointState {
    if (this.#link !== 'ready') return this.#link;
    if (this.record.healthy === false) return 'unhealthy';
    return this.health.ejected ? 'ejected' : 'ready';
  }

  #count(result: ConnectResult): void {
    add(this.block, ENDPOINT.CONNECTS + CONNECT_RESULTS.indexOf(result), 1);
  }
}

/** Policies that look at latency and failures: for the others they are not kept. */
function isLoadAware(settings: ServiceSettings): boolean {
  const policies = [settings.balance, ...Object.values(settings.methods).map(({ balance }) => balance)];
  return policies.some((policy) => needsOf(policy).load);
}

/** What of the settings a connection cannot take over while it lasts. */
function speech({ protocol, limits, tls }: ServiceSettings): string {
  return JSON.stringify([protocol, protocol === 'h2' ? null : limits.connectionsPerInstance, tls ?? null]);
}
