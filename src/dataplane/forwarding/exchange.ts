import { REASON_NAMES, type Reason } from '../../base/errors.ts';
import type { WheelEntry } from '../../base/timer_wheel.ts';
import { statusFromHttp, statusFromReset } from '../../grpc/status.ts';
import { ERROR } from '../../http2/frame/codes.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import {
  add,
  NO_GRPC_STATUS,
  RETRY_REASONS,
  type RetryReason,
  SERVICE,
  type UpstreamResult,
} from '../../model/counters.ts';
import type { RequestRules } from '../../model/resilience.ts';
import type { RequestView } from '../routing/request_view.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { Refusal } from '../upstream/selector.ts';
import type { ServiceUpstream, WaitingRequest } from '../upstream/service_upstream.ts';
import type { Subset } from '../upstream/subset.ts';
import type { UpstreamHandler } from '../upstream/upstream_connection.ts';
import type { Waiter, WaitQueue } from '../upstream/wait_queue.ts';
import type { ForwardingContext } from './context.ts';
import { withDebugHeaders } from './debug_headers.ts';
import {
  describeAllFull,
  describeDeadline,
  describeLoop,
  describeLost,
  describeMismatch,
  describeRate,
  describeReset,
  describeTooMany,
  describeTry,
  describeUnanswered,
} from './failure_text.ts';
import { Hedge, type HedgedRequest } from './hedge.ts';
import { localReply, localTrailers } from './local_reply.ts';
import { Mirror } from './mirror.ts';
import { type Attempt, recordAttempt, recordRequest, type Verdict } from './record.ts';
import { RequestBody } from './request_body.ts';
import { grpcStatusOf } from './response_view.ts';
import { failureOf, mayRetry, pushbackOf, retryDelay, withPreviousAttempts } from './retry.ts';
import { sendReply } from './unrouted.ts';

/** A timeout below this is one that has passed, as grpc-go says it with `0n` or `1n`; in milliseconds. */
const EXPIRED = 0.001;
/** The same while the registry has never told of the service and the last attempt to ask it failed. */
const TROUBLED_WAIT_LIMIT = 1_000;
/** Instances that are asked for a place in the rate of a method. */
const MOST_TRIES = 10;
/** Sidecars that a request may go through: more is a circle. */
const MAX_HOPS = 10;
/** gRPC's UNAVAILABLE and DEADLINE_EXCEEDED. */
const UNAVAILABLE = 14;
const DEADLINE_EXCEEDED = 4;
/** A client that cancels when this much of its time is left, or less, does so because of its deadline; of 1, and in milliseconds. */
const AT_DEADLINE_SHARE = 0.05;
const AT_DEADLINE_MS = 20;
/** What is counted for a request whose client went away before the answer: nginx's code for it. */
const CLIENT_CLOSED = 499;

/**
 * Where an exchange is:
 *
 *     (request headers) --> WAITING --- instance found ---> SENT --- response headers ---> RESPONDING --- END_STREAM ---> DONE
 *                              ^                             |                                 |                           ^
 *                              +-- certainly not processed --+                                 |                           |
 *                              +-- failed, and may be retried+                                 |                           |
 *                              |                             +--- refused, reset, lost, deadline, cancelled ---------------+
 *                              +--- refused, deadline, cancelled ----------------------------------------------------------+
 */
const EXCHANGE = { WAITING: 0, SENT: 1, RESPONDING: 2, DONE: 3 } as const;
type ExchangeState = 0 | 1 | 2 | 3;

/**
 * One request and its answer: a stream of an app's connection paired with a stream of an instance's. The only mutable object of
 * a request. DATA is passed on as it arrives; credit for it goes back when the other side's socket took it.
 */
export class Exchange implements UpstreamHandler, WaitingRequest, WheelEntry, Attempt, HedgedRequest {
  state: ExchangeState = EXCHANGE.WAITING;
  readonly down: Stream;
  readonly view: RequestView;
  service: ServiceUpstream;
  up: Stream | null = null;
  endpoint: Endpoint | null = null;
  /** Times, in milliseconds on the turn clock; 0 until it happened. */
  readonly arrivedAt: number;
  sentAt = 0;
  answeredAt = 0;
  finishedAt = 0;
  attempts = 0;
  httpStatus = 0;
  grpcStatus: number = NO_GRPC_STATUS;

  // Links of the wait queue and of the timer wheel: part of the exchange, so that waiting and deadlines allocate nothing.
  waitsIn: WaitQueue | null = null;
  waitOrder = 0;
  waitPrevious: Waiter | null = null;
  waitNext: Waiter | null = null;
  wheelSlot = -1;
  wheelTick = 0;
  wheelPrevious: WheelEntry | null = null;
  wheelNext: WheelEntry | null = null;

  readonly #context: ForwardingContext;
  readonly #body: RequestBody;
  #rules: RequestRules;
  /** The client's timeout or the service's, whichever is shorter, in milliseconds; null when there is none. */
  #timeout: number | null = null;
  /** When that is over on the turn clock, 0 when there is none. */
  #deadline = 0;
  /** Until when this attempt may wait for an instance; 0 while it has not begun to. */
  #waitUntil = 0;
  /** This attempt is given up, and a hedge begins, at these times; 0: never. */
  #tryUntil = 0;
  #hedgeAt = 0;
  /** When the next attempt begins, after a failure; 0 while none is due. */
  #retryAt = 0;
  /** Attempts that the policy counts. */
  #tries = 1;
  /** Places in the retry budget that this request has taken. */
  #budgeted = 0;
  #hedges: Hedge[] | null = null;
  #mirrored = false;
  #unprocessedRetries = 0;
  /** An attempt is under way and has not been counted yet. */
  #attempting = false;
  #avoid: Endpoint | null = null;

  constructor(
    down: Stream,
    view: RequestView,
    service: ServiceUpstream,
    requestEnded: boolean,
    context: ForwardingContext,
  ) {
    this.down = down;
    this.view = view;
    this.service = service;
    this.#context = context;
    this.#rules = service.settings;
    this.#body = new RequestBody(requestEnded);
    this.arrivedAt = context.clock.now();
  }

  /** Takes the request on: finds an instance, waits for one, or answers. */
  start(): void {
    const service = this.service;
    if (!this.#enter()) return;
    if (this.view.hops >= MAX_HOPS) return this.refuse('no_route', describeLoop(service.name, this.view.hops));
    this.reselect();
  }

  /** Counts the request like any other, and answers it with an error. */
  reject(reason: Reason, message: string): void {
    if (this.#enter()) this.refuse(reason, message);
  }

  /** Counts the request in its service, under the service's limits and timeout; false when there is no room. */
  #enter(): boolean {
    const service = this.service;
    service.inFlight++;
    add(service.block, SERVICE.IN_FLIGHT, 1);
    const limit = service.settings.limits.requests;
    if (service.inFlight > limit) {
      this.refuse('overloaded', describeTooMany(service.name, limit));
      return false;
    }
    const mismatch = describeMismatch(service.name, service.settings.protocol, this.view);
    if (mismatch !== null) {
      this.refuse('protocol_mismatch', mismatch);
      return false;
    }
    service.retryBudget.deposit();
    const all = service.rules(this.view.head.path);
    // A WebSocket lasts for as long as its ends like.
    const rules = this.view.isTunnel ? { ...all, timeout: null, retry: null, hedge: null } : all;
    this.#rules = rules;
    let own = rules.timeout;
    const forAll = rules.retry === null ? null : rules.retry.timeout;
    if (forAll !== null && (own === null || forAll < own)) own = forAll;
    const client = this.view.timeout;
    this.#timeout = own !== null && (client === null || own < client) ? own : client;
    this.#deadline = this.#timeout === null ? 0 : this.arrivedAt + this.#timeout;
    if (this.#timeout !== null && this.#timeout < EXPIRED) {
      this.refuse('deadline', describeDeadline(service.name, null, 'client', 0, 0));
      return false;
    }
    if (this.#deadline > 0) this.#context.deadlines.schedule(this, this.#deadline);
    return true;
  }

  /** Chooses among the instances there are now. */
  reselect(): void {
    if (this.service.isVacant && !this.#moveToSecondChoice()) return;
    const service = this.service;
    const selected = service.select(this.view, this.#rules);
    if (selected instanceof Refusal) return this.refuse(selected.reason, selected.message);
    const endpoint = selected.pick(this.#avoid, service.hashes ? service.keyOf(this.view) : 0);
    if (endpoint === null) return this.#wait(selected);
    if (service.admits(endpoint, this.view)) return this.dispatch(endpoint);
    this.#tryOthers(selected, endpoint);
  }

  /** The instance that was picked limits the rate of the method, and has had its share: others may not. */
  #tryOthers(subset: Subset, first: Endpoint): void {
    let endpoint: Endpoint | null = first;
    for (let tries = 1; tries < Math.min(subset.members.length, MOST_TRIES); tries++) {
      endpoint = subset.pick(endpoint, 0);
      if (endpoint === null) return this.#wait(subset);
      if (this.service.admits(endpoint, this.view)) return this.dispatch(endpoint);
    }
    this.refuse('overloaded', describeRate(this.service.name, this.view.method));
  }

  /** The service has nobody: the request goes to the default service, if it may. False when it has been refused there. */
  #moveToSecondChoice(): boolean {
    const other = this.#context.router.secondChoice(this.view);
    if (other === null || other === this.service) return true;
    this.service.inFlight--;
    add(this.service.block, SERVICE.IN_FLIGHT, -1);
    this.service = other;
    return this.#enter();
  }

  #wait(subset: Subset): void {
    // An unknown service has no members yet; its registry is being asked.
    const refusal =
      subset.hopeful || !this.service.known ? this.service.wait(this, subset) : this.service.noneReady(subset);
    if (refusal !== null) {
      const { reason, message } = refusal;
      const mayPass = reason === 'connect_failed' || reason === 'no_healthy';
      if (mayPass && this.#retries(UNAVAILABLE, 'connect_failed', null)) return;
      return this.refuse(reason, message);
    }
    this.state = EXCHANGE.WAITING;
    // Kept when the request has to choose again, however often the set changes.
    const { known, trouble } = this.service;
    if (this.#waitUntil === 0)
      this.#waitUntil = this.#context.clock.now() + this.service.settings.limits.pendingTimeout;
    if (!known && trouble !== null) this.#waitUntil = Math.min(this.#waitUntil, this.arrivedAt + TROUBLED_WAIT_LIMIT);
    this.#setAlarm(this.#waitUntil);
  }

  /** Lets `expired` be called at the deadline, or at `at` if that comes first (0: at the deadline only). */
  #setAlarm(at: number): void {
    const deadline = this.#deadline;
    const first = at === 0 || (deadline > 0 && deadline < at) ? deadline : at;
    if (first > 0) this.#context.deadlines.schedule(this, first);
    else this.#context.deadlines.cancel(this);
  }

  /** Sends the request to `endpoint`, which has a free slot. */
  dispatch(endpoint: Endpoint): void {
    const connection = endpoint.freeConnection();
    // Whoever chose the endpoint saw a free slot in this very turn.
    if (connection === null) return this.refuse('no_healthy', `instance ${endpoint.id} was lost while it was chosen`);
    this.endpoint = endpoint;
    this.#waitUntil = 0;
    this.waitOrder = 0;
    this.attempts++;
    this.#attempting = true;
    this.state = EXCHANGE.SENT;
    endpoint.requestStarted();
    const up = connection.http2.open(this.#outgoingHeaders(), this.#body.empty, this.view.isHead, this);
    this.up = up;
    this.sentAt = 0;
    this.#context.afterFlush(this);
    this.#setAlarm(this.#rules.retry === null && this.#rules.hedge === null ? 0 : this.#plan());
    this.#body.send(up, this.down);
    if (this.service.settings.mirror !== null && this.attempts === 1) this.#mirror();
  }

  /** When this attempt is given up, or another begins beside it, whichever comes first; 0: never. */
  #plan(): number {
    const { retry, hedge } = this.#rules;
    const now = this.#context.clock.now();
    const limit = retry === null ? null : retry.perTryTimeout;
    this.#tryUntil = limit === null ? 0 : now + limit;
    this.#hedgeAt = hedge === null || this.attempts >= hedge.attempts ? 0 : now + hedge.delay;
    return this.#nextStep();
  }

  #nextStep(): number {
    if (this.#tryUntil === 0 || this.#hedgeAt === 0) return Math.max(this.#tryUntil, this.#hedgeAt);
    return Math.min(this.#tryUntil, this.#hedgeAt);
  }

  /** The headers as they came, with what is left of the deadline when some of it has been spent here. */
  #outgoingHeaders(): HeaderList {
    const headers = this.#headersWithin();
    const again = this.#tries > 1 || this.#hedges !== null;
    return again && this.view.isGrpc ? withPreviousAttempts(headers, this.attempts - 1) : headers;
  }

  #headersWithin(): HeaderList {
    const view = this.view;
    const timeout = this.#timeout;
    if (timeout === null || !view.isGrpc) return view.forward;
    const waited = this.#context.clock.now() - this.arrivedAt;
    // Less than a millisecond is not worth a header block that was never sent before.
    if (waited < 1) return timeout === view.timeout ? view.forward : view.forwardWithin(timeout);
    return view.forwardWithin(Math.max(0, timeout - waited));
  }

  // The request side

  onRequestData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    const body = this.#body;
    if (endStream) body.ended = true;
    const up = this.up;
    if (this.state === EXCHANGE.WAITING) return body.wait(buf, start, end, this.down);
    if (up === null) return this.down.connection.credit(this.down, end - start);
    if (this.state === EXCHANGE.SENT) body.keep(buf, start, end);
    up.connection.data(up, buf, start, end, endStream, this.down);
    if (endStream && this.service.settings.mirror !== null) this.#mirror();
  }

  onRequestTrailers(list: HeaderList): void {
    this.#body.ended = true;
    this.#body.trailers = list;
    if (this.up === null) return;
    this.up.connection.trailers(this.up, list);
    if (this.service.settings.mirror !== null) this.#mirror();
  }

  /** Sends a copy to another version, if one is due and the request is here whole. */
  #mirror(): void {
    const body = this.#body;
    if (!body.ended || !body.replayable || this.#mirrored) return;
    this.#mirrored = true;
    const service = this.service;
    const endpoint = service.pickMirror(service.hashes ? service.keyOf(this.view) : 0);
    const connection = endpoint === null ? null : endpoint.freeConnection();
    if (endpoint === null || connection === null) return;
    service.mirrors++;
    const { down } = this;
    const request = { headers: this.#headersWithin(), body, isHead: this.view.isHead, down };
    new Mirror(request, endpoint, connection, this.#timeout, this.#context, () => service.mirrors--);
  }

  /** The client gave up on the stream, or its connection is gone. */
  onClientReset(code: number): void {
    if (this.state === EXCHANGE.DONE) return;
    if (this.httpStatus === 0) this.httpStatus = CLIENT_CLOSED;
    this.grpcStatus = this.view.isGrpc ? 1 : NO_GRPC_STATUS;
    const upstreamCode = code === ERROR.NO_ERROR ? ERROR.CANCEL : code;
    if (this.#isAtDeadline()) this.#endAttempt('deadline', this.#deadlineVerdict(), upstreamCode);
    else this.#endAttempt('canceled', 'unknown', upstreamCode);
    this.#finish();
  }

  /** Clients with a deadline cancel when it comes, and that may be a moment before it comes here. */
  #isAtDeadline(): boolean {
    const timeout = this.#timeout;
    if (timeout === null) return false;
    return this.#context.clock.now() >= this.#deadline - Math.max(AT_DEADLINE_MS, timeout * AT_DEADLINE_SHARE);
  }

  /** An instance that let the deadline pass has failed, if answers of that kind are failures. */
  #deadlineVerdict(): Verdict {
    return this.service.outliers.isFailure(DEADLINE_EXCEEDED) ? 'failed' : 'unknown';
  }

  // The response side

  onInformational(stream: Stream, list: HeaderList): void {
    if (stream === this.up) this.down.connection.headers(this.down, list, false);
  }

  onResponse(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    if (stream !== this.up) return;
    const revocable = this.#rules.retry !== null || this.#hedges !== null;
    if (revocable && this.#revoked(list, head, endStream)) return;
    this.state = EXCHANGE.RESPONDING;
    this.#body.commit();
    if (this.#tryUntil !== 0 || this.#hedgeAt !== 0) this.#setAlarm(0);
    this.httpStatus = head.status;
    const status = grpcStatusOf(list);
    if (status !== NO_GRPC_STATUS) this.grpcStatus = status;
    const down = this.down;
    down.connection.headers(down, this.#withDebug(list), endStream);
    if (endStream) this.#responded();
  }

  onResponseData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (stream !== this.up) return stream.connection.credit(stream, end - start);
    this.down.connection.data(this.down, buf, start, end, endStream, stream);
    if (endStream) this.#responded();
  }

  onResponseTrailers(stream: Stream, list: HeaderList): void {
    if (stream !== this.up) return;
    const status = grpcStatusOf(list);
    if (status !== NO_GRPC_STATUS) this.grpcStatus = status;
    this.down.connection.trailers(this.down, list);
    this.#responded();
  }

  onUpstreamReset(stream: Stream, code: number, byPeer: boolean, unprocessed: boolean, lost: boolean): void {
    if (stream !== this.up || this.state === EXCHANGE.DONE) return;
    const endpoint = this.endpoint as Endpoint;
    const responding = this.state === EXCHANGE.RESPONDING;
    const sent = stream.connection.wasSent(stream);
    this.up = null;
    this.#endAttempt(lost ? 'closed' : 'reset', unprocessed || !sent ? 'unknown' : 'failed', null);
    if (!responding) {
      if (this.#adoptHedge()) return;
      // Never handed to the socket: as if it had not been tried.
      if (this.#body.replayable && !sent) return this.#sendElsewhere(endpoint);
      if (this.#body.replayable && unprocessed && this.#unprocessedRetries++ === 0) return this.#sendElsewhere(endpoint);
      if (this.#retries(lost ? UNAVAILABLE : statusFromReset(code), lost ? 'upstream_closed' : 'upstream_reset', null))
        return;
    }
    if (lost) {
      return this.refuse('upstream_closed', describeLost(this.service.name, endpoint.id, responding));
    }
    if (responding) {
      this.down.connection.reset(this.down, code);
      this.grpcStatus = this.view.isGrpc ? statusFromReset(code) : NO_GRPC_STATUS;
      return this.#finish();
    }
    const message = describeReset(this.service.name, endpoint.id, code, byPeer);
    this.#answer('upstream_reset', message, statusFromReset(code));
  }

  // Further attempts

  /** gRFC A6, transparent retry: the instance certainly did not process the request. */
  #sendElsewhere(endpoint: Endpoint): void {
    this.#avoid = endpoint;
    this.state = EXCHANGE.WAITING;
    this.#countRetry('upstream_reset');
    this.reselect();
  }

  #countRetry(reason: RetryReason): void {
    add(this.service.block, SERVICE.RETRIES + RETRY_REASONS.indexOf(reason), 1);
  }

  /**
   * After a failure with this gRPC code (null: one that the policy always means): plans another attempt if the policy, what is left of the request, its time and the service's
   * budget allow it. The attempt that failed has been ended.
   */
  #retries(code: number | null, reason: RetryReason, pushback: string | null): boolean {
    const delay = this.#delayBeforeRetry(code, pushback);
    if (delay === -1) return false;
    // The retry before this one is over.
    if (this.#hedges === null) this.#releaseBudget();
    if (!this.#takeBudget()) return false;
    this.#avoid = this.endpoint;
    this.#tries++;
    this.#countRetry(reason);
    this.state = EXCHANGE.WAITING;
    this.#waitUntil = 0;
    this.#retryAt = this.#context.clock.now() + delay;
    this.#setAlarm(this.#retryAt);
    return true;
  }

  #delayBeforeRetry(code: number | null, pushback: string | null): number {
    const policy = this.#rules.retry;
    if (policy === null || this.#tries >= policy.attempts || !this.#body.replayable) return -1;
    if ((code !== null && !policy.on.includes(code)) || !mayRetry(policy, this.view)) return -1;
    const delay = retryDelay(policy, this.#tries, pushback, this.#context.random);
    const inTime = this.#deadline === 0 || this.#context.clock.now() + delay < this.#deadline;
    return inTime ? delay : -1;
  }

  #releaseBudget(): void {
    for (; this.#budgeted > 0; this.#budgeted--) this.service.retryBudget.release();
  }

  #takeBudget(): boolean {
    const { retryBudget, inFlight, block } = this.service;
    if (!retryBudget.take(inFlight, this.#context.clock.now())) {
      add(block, SERVICE.RETRIES_DENIED, 1);
      return false;
    }
    this.#budgeted++;
    return true;
  }

  /** Response headers have come that need not be passed on: whether another attempt takes the place of this one. */
  #revoked(list: HeaderList, head: MessageHead, endStream: boolean): boolean {
    const code = failureOf(list, head, this.view.isGrpc, endStream);
    if (code === -1) {
      this.#cancelHedges();
      return false;
    }
    const others = this.#hedges !== null && this.#hedges.length > 0;
    const pushback = pushbackOf(list);
    if (!others && this.#delayBeforeRetry(code, pushback) === -1) return false;
    const up = this.up as Stream;
    const over = endStream && !up.writable;
    const verdict = this.service.outliers.isFailure(code) ? 'failed' : 'well';
    if (others) {
      this.#endAttempt('error', verdict, over ? null : ERROR.CANCEL);
      return this.#adoptHedge();
    }
    // Asked again below, and answered alike but for the budget.
    if (!this.#retries(code, 'status', pushback)) return false;
    this.up = null;
    this.#recordAttempt('error', verdict);
    if (!over) up.connection.reset(up, ERROR.CANCEL);
    return true;
  }

  /** The attempt under way has not had response headers for as long as the policy lets it. */
  #tryTimedOut(): void {
    const endpoint = this.endpoint as Endpoint;
    const limit = this.#rules.retry?.perTryTimeout as number;
    this.#tryUntil = 0;
    this.#endAttempt('deadline', this.#deadlineVerdict(), ERROR.CANCEL);
    if (this.#adoptHedge()) return;
    if (this.#retries(null, 'per_try_timeout', null)) return;
    this.refuse('deadline', describeTry(this.service.name, endpoint.id, limit, this.attempts));
  }

  /** Sends the request to another instance as well. */
  #hedge(): void {
    this.#hedgeAt = 0;
    const policy = this.#rules.hedge;
    if (policy === null || !this.#body.ended || !this.#body.replayable || this.attempts >= policy.attempts) return;
    const selected = this.service.select(this.view, this.#rules);
    if (selected instanceof Refusal) return;
    const endpoint = selected.pick(this.endpoint, this.service.hashes ? this.service.keyOf(this.view) : 0);
    const taken = endpoint === this.endpoint || this.#hedges?.some((hedge) => hedge.endpoint === endpoint);
    const connection = endpoint === null || taken ? null : endpoint.freeConnection();
    if (endpoint === null || connection === null || !this.#takeBudget()) return;
    this.#hedges ??= [];
    this.attempts++;
    this.#countRetry('hedge');
    const headers = this.#outgoingHeaders();
    this.#hedges.push(new Hedge(this, endpoint, connection, headers, this.#body, this.view.isHead));
    if (this.attempts < policy.attempts) this.#hedgeAt = this.#context.clock.now() + policy.delay;
  }

  hedgeResponded(hedge: Hedge, list: HeaderList, head: MessageHead, endStream: boolean): void {
    const code = failureOf(list, head, this.view.isGrpc, endStream);
    if (code !== -1 && (this.up !== null || (this.#hedges as Hedge[]).length > 1)) {
      // Somebody else may do better.
      this.#forget(hedge);
      if (!endStream || hedge.stream.writable) hedge.stream.connection.reset(hedge.stream, ERROR.CANCEL);
      hedge.end('error', this.service.outliers.isFailure(code) ? 'failed' : 'well');
      return;
    }
    if (this.up !== null) this.#endAttempt('canceled', 'unknown', ERROR.CANCEL);
    this.#adopt(hedge);
    this.onResponse(hedge.stream, list, head, endStream);
  }

  hedgeFailed(hedge: Hedge): void {
    this.#forget(hedge);
  }

  now(): number {
    return this.#context.clock.now();
  }

  #forget(hedge: Hedge): void {
    this.#hedges = (this.#hedges as Hedge[]).filter((other) => other !== hedge);
  }

  /** The attempt under way has failed: another that is, takes its place. False when there is none. */
  #adoptHedge(): boolean {
    const hedge = this.#hedges?.[0];
    if (hedge === undefined) return false;
    this.#adopt(hedge);
    return true;
  }

  #adopt(hedge: Hedge): void {
    this.#forget(hedge);
    this.up = hedge.stream;
    hedge.stream.owner = this;
    this.endpoint = hedge.endpoint;
    this.sentAt = hedge.sentAt;
    this.#attempting = true;
    this.state = EXCHANGE.SENT;
  }

  #cancelHedges(): void {
    const hedges = this.#hedges;
    if (hedges === null) return;
    this.#hedges = [];
    for (const hedge of hedges) hedge.cancel();
  }

  /** The instance has ended its answer. */
  #responded(): void {
    // What a gRPC caller makes of an answer without a status.
    if (this.view.isGrpc && this.grpcStatus === NO_GRPC_STATUS) this.grpcStatus = statusFromHttp(this.httpStatus);
    const up = this.up as Stream;
    this.up = null;
    this.#recordAttempt(this.#failedStatus() ? 'error' : 'ok', this.#verdict());
    // An answer before the end of the request (RFC 9113 section 8.1): nobody needs the rest.
    if (up.writable) up.connection.reset(up, ERROR.CANCEL);
    if (!this.#body.ended) this.down.connection.stopReceiving(this.down);
    this.#finish();
  }

  /** What a complete answer says of the instance. */
  #verdict(): Verdict {
    const { grpcStatus, httpStatus } = this;
    const code = grpcStatus !== NO_GRPC_STATUS ? grpcStatus : httpStatus >= 500 ? statusFromHttp(httpStatus) : 0;
    return code !== 0 && this.service.outliers.isFailure(code) ? 'failed' : 'well';
  }

  /** What a caller would call an error of the instance: 5xx, or a gRPC status that is the server's fault (grpc-status UNKNOWN, ...). */
  #failedStatus(): boolean {
    if (this.httpStatus >= 500) return true;
    switch (this.grpcStatus) {
      case 2:
      case 4:
      case 8:
      case 13:
      case 14:
      case 15:
        return true;
      default:
        return false;
    }
  }

  // Ends

  /** The deadline, or the limit on waiting, has come. */
  expired(): void {
    if (this.state === EXCHANGE.DONE) return;
    const now = this.#context.clock.now();
    const service = this.service.name;
    if (this.#deadline > 0 && now >= this.#deadline - 1) {
      const of = this.#timeout === this.view.timeout ? 'client' : 'service';
      const after = now - this.arrivedAt;
      return this.refuse('deadline', describeDeadline(service, this.endpoint?.id ?? null, of, after, this.attempts));
    }
    if (this.state === EXCHANGE.SENT) return this.#nextStepDue(now);
    if (this.state !== EXCHANGE.WAITING) return;
    if (this.#retryAt !== 0) {
      this.#retryAt = 0;
      return this.reselect();
    }
    if (this.service.known) {
      return this.refuse('no_healthy', describeAllFull(service, this.service.settings.limits.pendingTimeout));
    }
    this.refuse('no_instance', describeUnanswered(service, this.service.settings, this.service.trouble));
  }

  #nextStepDue(now: number): void {
    if (this.#tryUntil !== 0 && now >= this.#tryUntil - 1) return this.#tryTimedOut();
    if (this.#hedgeAt !== 0 && now >= this.#hedgeAt - 1) this.#hedge();
    this.#setAlarm(this.#nextStep());
  }

  /** Ends the exchange with an error of the sidecar's own. */
  refuse(reason: Reason, message: string): void {
    if (this.state === EXCHANGE.DONE) return;
    if (reason === 'deadline') this.#endAttempt('deadline', this.#deadlineVerdict(), ERROR.CANCEL);
    else this.#endAttempt('canceled', 'unknown', ERROR.CANCEL);
    this.#answer(reason, message);
  }

  #answer(reason: Reason, message: string, grpcStatus?: number): void {
    const down = this.down;
    const connection = down.connection;
    add(this.service.block, SERVICE.REJECTED + REASON_NAMES.indexOf(reason), 1);
    if (this.state === EXCHANGE.RESPONDING) {
      if (this.view.isGrpc) {
        const trailers = localTrailers(reason, message);
        this.grpcStatus = grpcStatusOf(trailers);
        connection.trailers(down, trailers);
        if (!this.#body.ended) connection.stopReceiving(down);
      } else connection.reset(down, ERROR.INTERNAL_ERROR);
    } else {
      const reply = localReply(reason, message, this.view.isGrpc, this.view.isHead, grpcStatus);
      this.httpStatus = reply.httpStatus;
      this.grpcStatus = reply.grpcStatus ?? NO_GRPC_STATUS;
      sendReply(down, { ...reply, headers: this.#withDebug(reply.headers) }, this.#body.ended);
    }
    this.#finish();
  }

  /** Ends the attempt that is under way, if one is: the instance hears `code`. */
  #endAttempt(result: UpstreamResult, verdict: Verdict, code: number | null): void {
    const up = this.up;
    this.up = null;
    if (up !== null && code !== null) up.connection.reset(up, code);
    if (this.#attempting) this.#recordAttempt(result, verdict);
  }

  #recordAttempt(result: UpstreamResult, verdict: Verdict): void {
    this.#attempting = false;
    this.answeredAt = this.#context.clock.now();
    recordAttempt(this, result, verdict);
  }

  #finish(): void {
    this.service.stopWaiting(this);
    this.state = EXCHANGE.DONE;
    this.#context.deadlines.cancel(this);
    this.#cancelHedges();
    this.#releaseBudget();
    this.#body.drop(this.down);
    this.service.inFlight--;
    add(this.service.block, SERVICE.IN_FLIGHT, -1);
    this.#context.afterFlush(this);
  }

  /** What this exchange wrote in this turn has been handed to the kernel, at `now`. */
  flushed(now: number): void {
    if (this.state === EXCHANGE.DONE) {
      if (this.finishedAt !== 0) return;
      this.finishedAt = now;
      recordRequest(this);
    } else if (this.sentAt === 0) this.sentAt = now;
  }

  #withDebug(list: HeaderList): HeaderList {
    return this.view.debug ? withDebugHeaders(list, this.attempts, this.endpoint?.record) : list;
  }
}
