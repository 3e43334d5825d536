import { backoffDelay, CONNECTION_BACKOFF } from '../../base/backoff.ts';
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
import type { EndpointRecord } from '../../model/snapshot.ts';
import type { Candidate } from '../balancing/picker.ts';
import type { UpstreamContext } from './context.ts';
import type { Dialable } from './dial_queue.ts';
import { UpstreamConnection } from './upstream_connection.ts';

/** A connection that ends sooner than this after it was ready counts as a failed attempt, in milliseconds. */
const SHORT_LIVED = 1_000;
/** A server that complains of PINGs is asked at most this many times more rarely. */
const MAX_PING_FACTOR = 64;

/** What an endpoint tells the service it belongs to. */
export interface EndpointOwner {
  /** It became able or unable to take requests. */
  endpointChanged(endpoint: Endpoint): void;
  /** A stream slot became free on it. */
  endpointFree(endpoint: Endpoint): void;
  readonly connectionsPerInstance: number;
  readonly name: string;
}

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
 * A connection that is lost within a second after it was ready counts as a failed attempt: to backoff, not to connecting.
 */
export class Endpoint implements Candidate, Dialable {
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

  readonly #owner: EndpointOwner;
  readonly #context: UpstreamContext;
  #connections: UpstreamConnection[] = [];
  /** The connection that had a free slot last. */
  #current: UpstreamConnection | null = null;
  #retry: NodeJS.Timeout | null = null;
  #drainTimer: NodeJS.Timeout | null = null;
  #inFlight = 0;
  /** What `failures` was when the last connection became ready: it counts again if that did not last. */
  #failuresBefore = 0;
  /** No further connection beside those there are before this time, since the last one failed; and how often in a row. */
  #moreAt = 0;
  #moreFailures = 0;
  #pingFactor = 1;
  #gone = false;

  constructor(record: EndpointRecord, versionBlock: Block, owner: EndpointOwner, context: UpstreamContext) {
    this.id = record.address;
    this.record = record;
    this.target = parseAddress(record.address) as Target;
    this.block = context.block(record.counters);
    this.versionBlock = versionBlock;
    this.#owner = owner;
    this.#context = context;
    this.#setState('connecting');
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
    if (this.state === 'connecting' && this.#connections.length === 0) this.#dial();
  }

  /** A connection with a free stream slot, or null. */
  freeConnection(): UpstreamConnection | null {
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
    if (this.state !== 'ready') return;
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
    return open < this.#owner.connectionsPerInstance;
  }

  /** Looks for connections whose other end hangs. */
  sweep(): void {
    for (const connection of [...this.#connections]) connection.sweep(this.#pingFactor);
  }

  /** The server found our PINGs too many (rule of gRFC A8: half as often from now on). */
  pingLess(): void {
    this.#pingFactor = Math.min(MAX_PING_FACTOR, this.#pingFactor * 2);
  }

  /** A request was sent here, or ended. */
  requestStarted(): void {
    this.#inFlight++;
    add(this.block, ENDPOINT.IN_FLIGHT, 1);
  }

  requestEnded(): void {
    this.#inFlight--;
    add(this.block, ENDPOINT.IN_FLIGHT, -1);
    if (this.state === 'draining') this.#goneIfIdle();
  }

  /** Left the registry: no new requests, the running ones finish. */
  drain(): void {
    this.#stopRetry();
    this.#setState('draining');
    for (const connection of [...this.#connections]) connection.drain();
    this.#drainTimer = setTimeout(() => this.destroy('drained for too long'), DRAIN_LIMIT);
    this.#drainTimer.unref();
    this.#goneIfIdle();
  }

  destroy(reason: string): void {
    this.#stopRetry();
    // Nothing is dialed again.
    this.#setState('draining');
    for (const connection of [...this.#connections]) connection.destroy(reason);
  }

  // From its connections

  connectionReady(): void {
    this.#failuresBefore = this.failures;
    this.failures = 0;
    this.lastError = '';
    this.#count('ok');
    if (this.state === 'connecting' || this.state === 'backoff') {
      this.#setState('ready');
      this.#context.onEndpointState(this.#owner.name, this, 'connected');
      this.#owner.endpointChanged(this);
    } else if (this.state === 'ready') this.#owner.endpointFree(this);
  }

  connectionDraining(connection: UpstreamConnection): void {
    if (this.state === 'ready') this.#replace(connection.age, 'GOAWAY');
  }

  slotFree(): void {
    if (this.state === 'ready') this.#owner.endpointFree(this);
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
    if (this.state === 'draining') return this.#goneIfIdle();
    if (was === 'connecting') this.#count(failure);
    if (this.#connections.some((other) => other.state === 'ready')) {
      if (was === 'connecting') this.#moreLater();
      else if (was === 'ready') this.#replace(connection.age, reason);
      return;
    }
    if (was !== 'connecting') {
      if (this.state === 'ready') this.#replace(connection.age, reason);
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
    this.#setState('connecting');
    this.#context.onEndpointState(this.#owner.name, this, reason);
    this.#owner.endpointChanged(this);
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
    const first = this.state !== 'backoff';
    this.#setState('backoff');
    if (first) {
      this.#context.onEndpointState(this.#owner.name, this, this.lastError);
      this.#owner.endpointChanged(this);
    }
  }

  #dial(): void {
    this.#connections.push(new UpstreamConnection(this, this.#context));
    this.connectionChanged();
  }

  #goneIfIdle(): void {
    if (this.#gone || this.#connections.length > 0 || this.#inFlight > 0) return;
    this.#gone = true;
    if (this.#drainTimer !== null) clearTimeout(this.#drainTimer);
    this.#setState('unknown');
    this.#context.onEndpointGone(this.#owner.name, this);
  }

  #stopRetry(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #setState(state: EndpointState): void {
    this.state = state;
    this.block.view[this.block.base + ENDPOINT.STATE] = ENDPOINT_STATES.indexOf(state);
  }

  #count(result: ConnectResult): void {
    add(this.block, ENDPOINT.CONNECTS + CONNECT_RESULTS.indexOf(result), 1);
  }
}
