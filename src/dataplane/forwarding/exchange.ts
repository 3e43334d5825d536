import { REASON_NAMES, type Reason } from '../../base/errors.ts';
import type { WheelEntry } from '../../base/timer_wheel.ts';
import { statusFromHttp, statusFromReset } from '../../grpc/status.ts';
import { ERROR } from '../../http2/frame/codes.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { add, NO_GRPC_STATUS, RETRY_REASONS, SERVICE, type UpstreamResult } from '../../model/counters.ts';
import type { RequestRules } from '../../model/resilience.ts';
import type { RequestTrace } from '../observe/request_trace.ts';
import type { RequestView } from '../routing/request_view.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Verdict } from '../upstream/passive_health.ts';
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
import { FurtherAttempts, type RepeatedRequest } from './further_attempts.ts';
import type { Hedge } from './hedge.ts';
import { takeLoadReport } from './load_report.ts';
import { breakOff, localReply, sendReply } from './local_reply.ts';
import { Mirror } from './mirror.ts';
import { isFailure } from './outcome.ts';
import { type Attempt, recordAttempt, recordRequest } from './record.ts';
import { RequestBody } from './request_body.ts';
import { grpcStatusOf } from './response_view.ts';
import { withPreviousAttempts } from './retry.ts';
import { EXPIRED, headersWithin, isAtDeadline, timeLimit, whoseLimit } from './time_limit.ts';

/** How long a request waits while the registry has never told of the service and the last attempt to ask it failed, in milliseconds. */
const TROUBLED_WAIT_LIMIT = 1_000;
/** Instances that are asked for a place in the rate of a method. */
const MOST_TRIES = 10;
/** Sidecars that a request may go through: more is a circle. */
const MAX_HOPS = 10;
/** Shared by all requests that have not been anywhere. */
const NOWHERE: readonly Endpoint[] = [];
/** gRPC's UNAVAILABLE. */
const UNAVAILABLE = 14;
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
export class Exchange implements UpstreamHandler, WaitingRequest, WheelEntry, Attempt, RepeatedRequest {
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
  readonly body: RequestBody;
  /** When its time is over on the turn clock; 0: never. */
  deadline = 0;
  attempts = 0;
  httpStatus = 0;
  grpcStatus: number = NO_GRPC_STATUS;
  /** Octets of DATA from the client, and to it. */
  bytesIn = 0;
  bytesOut = 0;
  /** Of an answer of the sidecar's own. */
  reason: Reason | null = null;
  /** Null: nobody records it. */
  readonly trace: RequestTrace | null;

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
  #rules: RequestRules;
  /** What the rules say of further attempts; null when that is nothing, as it is for most requests. */
  #further: FurtherAttempts | null = null;
  /** The client's timeout or the service's, whichever is shorter, in milliseconds; null when there is none. */
  #timeout: number | null = null;
  /** Until when this attempt may wait for an instance; 0 while it has not begun to. */
  #waitUntil = 0;
  /** When the next attempt begins, after a failure; 0 while none is due. */
  #retryAt = 0;
  #mirrored = false;
  /** Attempts that count for nobody, since they certainly were not processed; and those of them that an instance saw. */
  #transparent = 0;
  #refusedOnce = false;
  /** An attempt is under way and has not been counted yet. */
  #attempting = false;
  /** Where the request has been, the last one last; others are better. */
  avoided: readonly Endpoint[] = NOWHERE;

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
    this.body = new RequestBody(requestEnded);
    this.arrivedAt = context.clock.now();
    this.trace = context.observer === null ? null : context.observer.traced(view);
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
    service.retryBudget.deposit(service.inFlight);
    const all = service.rules(this.view.head.path);
    // A WebSocket lasts for as long as its ends like.
    const rules = this.view.isTunnel ? { ...all, timeout: null, retry: null, hedge: null } : all;
    this.#rules = rules;
    this.#further =
      rules.retry === null && rules.hedge === null ? null : new FurtherAttempts(this, service, rules, this.#context);
    this.#timeout = timeLimit(rules, this.view.timeout);
    this.deadline = this.#timeout === null ? 0 : this.arrivedAt + this.#timeout;
    if (this.#timeout !== null && this.#timeout < EXPIRED) {
      this.refuse('deadline', describeDeadline(service.name, null, 'client', 0, 0));
      return false;
    }
    if (this.deadline > 0) this.#context.deadlines.schedule(this, this.deadline);
    return true;
  }

  /** Chooses among the instances there are now. */
  reselect(): void {
    if (this.service.isVacant && !this.#moveToSecondChoice()) return;
    const service = this.service;
    const selected = service.select(this.view, this.#rules);
    if (selected instanceof Refusal) return this.refuse(selected.reason, selected.message);
    const endpoint = selected.pick(this.avoided, service.hashes ? service.keyOf(this.view) : 0);
    if (endpoint === null) return this.#wait(selected);
    if (service.admits(endpoint, this.view)) return this.dispatch(endpoint);
    this.#tryOthers(selected, endpoint);
  }

  /** The instance that was picked limits the rate of the method, and has had its share: others may not. */
  #tryOthers(subset: Subset, first: Endpoint): void {
    let avoid = [...this.avoided, first];
    for (let tries = 1; tries < Math.min(subset.members.length, MOST_TRIES); tries++) {
      const endpoint = subset.pick(avoid, 0);
      if (endpoint === null) return this.#wait(subset);
      avoid = [...avoid, endpoint];
      if (this.service.admits(endpoint, this.view)) return this.dispatch(endpoint);
    }
    this.refuse('overloaded', describeRate(this.service.name, this.view.method));
  }

  /** The service has nobody: the request goes to the default service, if it may. False when it has been refused there. */
  #moveToSecondChoice(): boolean {
    const other = this.#context.router.secondChoice(this.view);
    if (other === null || other === this.service) return true;
    this.#further?.close();
    this.service.inFlight--;
    add(this.service.block, SERVICE.IN_FLIGHT, -1);
    this.service = other;
    this.avoided = NOWHERE;
    return this.#enter();
  }

  #wait(subset: Subset): void {
    // An unknown service has no members yet; its registry is being asked.
    const refusal =
      subset.hopeful || !this.service.known ? this.service.wait(this, subset) : this.service.noneReady(subset);
    if (refusal !== null) {
      const { reason, message } = refusal;
      const mayPass = reason === 'connect_failed' || reason === 'no_healthy';
      if (mayPass && this.#further?.retries(UNAVAILABLE, 'connect_failed', null)) return;
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
    const deadline = this.deadline;
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
    const up = connection.http2.open(this.outgoingHeaders(endpoint), this.body.empty, this.view.isHead, this);
    this.up = up;
    this.sentAt = 0;
    this.#context.afterFlush(this);
    this.#setAlarm(this.#further === null ? 0 : this.#further.begun());
    this.body.send(up, this.down);
    if (this.service.settings.mirror !== null && this.attempts === 1) this.#mirror();
  }

  outgoingHeaders(endpoint: Endpoint): HeaderList {
    const headers = headersWithin(this.view, this.#timeout, this.#context.clock.now() - this.arrivedAt);
    const before = this.attempts - 1 - this.#transparent;
    const list = before > 0 && this.view.isGrpc ? withPreviousAttempts(headers, before) : headers;
    return this.trace === null ? list : this.trace.attempt(list, endpoint, this.#context.clock.now());
  }

  // The request side

  onRequestData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    const body = this.body;
    this.bytesIn += end - start;
    if (endStream) body.ended = true;
    const up = this.up;
    if (this.state === EXCHANGE.WAITING) return body.wait(buf, start, end, this.down);
    if (up === null) return this.down.connection.credit(this.down, end - start);
    if (this.state === EXCHANGE.SENT) body.keep(buf, start, end);
    up.connection.data(up, buf, start, end, endStream, this.down);
    if (endStream) this.#requestEnded();
  }

  onRequestTrailers(list: HeaderList): void {
    this.body.ended = true;
    this.body.trailers = list;
    if (this.up === null) return;
    this.up.connection.trailers(this.up, list);
    this.#requestEnded();
  }

  /** All of it is here, and has been given to the instance. */
  #requestEnded(): void {
    if (this.service.settings.mirror !== null) this.#mirror();
    if (this.#further !== null) this.#further.bodyEnded();
  }

  /** Sends a copy to another version, if one is due and the request is here whole. */
  #mirror(): void {
    const body = this.body;
    if (!body.ended || !body.replayable || this.#mirrored) return;
    this.#mirrored = true;
    const service = this.service;
    const endpoint = service.pickMirror(service.hashes ? service.keyOf(this.view) : 0);
    const connection = endpoint === null ? null : endpoint.freeConnection();
    if (endpoint === null || connection === null) return;
    service.mirrors++;
    const { down } = this;
    const headers = headersWithin(this.view, this.#timeout, this.#context.clock.now() - this.arrivedAt);
    const request = { headers, body, isHead: this.view.isHead, down };
    new Mirror(request, endpoint, connection, this.#timeout, this.#context, () => service.mirrors--);
  }

  /** The client gave up on the stream, or its connection is gone. */
  onClientReset(code: number): void {
    if (this.state === EXCHANGE.DONE) return;
    if (this.httpStatus === 0) this.httpStatus = CLIENT_CLOSED;
    this.grpcStatus = this.view.isGrpc ? 1 : NO_GRPC_STATUS;
    const upstreamCode = code === ERROR.NO_ERROR ? ERROR.CANCEL : code;
    if (this.#isAtDeadline()) this.endAttempt('deadline', this.#deadlineVerdict, upstreamCode);
    else this.endAttempt('canceled', 'unknown', upstreamCode);
    this.#finish();
  }

  /** What it says of the instance that the time is over: nothing while the client still sends, or the instance answers. */
  get #deadlineVerdict(): Verdict {
    const waits = this.body.ended && this.state === EXCHANGE.SENT;
    return waits ? this.service.outliers.deadlineVerdict : 'unknown';
  }

  /** Clients with a deadline cancel when it comes, and that may be a moment before it comes here. */
  #isAtDeadline(): boolean {
    return this.#timeout !== null && isAtDeadline(this.#timeout, this.deadline - this.#context.clock.now());
  }

  // The response side

  onInformational(stream: Stream, list: HeaderList): void {
    if (stream === this.up) this.down.connection.headers(this.down, list, false);
  }

  onResponse(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    if (stream !== this.up) return;
    const further = this.#further;
    if (further?.replaces(stream, list, head, endStream)) return;
    this.state = EXCHANGE.RESPONDING;
    this.body.commit();
    if (further !== null) this.#setAlarm(0);
    this.httpStatus = head.status;
    const status = grpcStatusOf(list);
    if (status !== NO_GRPC_STATUS) this.grpcStatus = status;
    if (this.service.readsReports) this.#takeLoadReport(list);
    const down = this.down;
    down.connection.headers(down, this.#withDebug(list), endStream);
    if (endStream) this.#responded();
  }

  onResponseData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (stream !== this.up) return stream.connection.credit(stream, end - start);
    this.bytesOut += end - start;
    this.down.connection.data(this.down, buf, start, end, endStream, stream);
    if (endStream) this.#responded();
  }

  onResponseTrailers(stream: Stream, list: HeaderList): void {
    if (stream !== this.up) return;
    const status = grpcStatusOf(list);
    if (status !== NO_GRPC_STATUS) this.grpcStatus = status;
    if (this.service.readsReports) this.#takeLoadReport(list);
    this.down.connection.trailers(this.down, list);
    this.#responded();
  }

  #takeLoadReport(list: HeaderList): void {
    takeLoadReport(list, this.endpoint as Endpoint, this.#context.clock.now());
  }

  onUpstreamReset(stream: Stream, code: number, byPeer: boolean, unprocessed: boolean, lost: boolean): void {
    if (stream !== this.up || this.state === EXCHANGE.DONE) return;
    const endpoint = this.endpoint as Endpoint;
    const responding = this.state === EXCHANGE.RESPONDING;
    const sent = stream.connection.wasSent(stream);
    this.up = null;
    this.endAttempt(lost ? 'closed' : 'reset', unprocessed || !sent ? 'unknown' : 'failed', null);
    if (!responding) {
      const further = this.#further;
      if (further?.takenOver()) return;
      // Never handed to the socket: as if it had not been tried.
      if (this.body.replayable && !sent) return this.#sendElsewhere(endpoint);
      if (this.body.replayable && unprocessed && !this.#refusedOnce) {
        this.#refusedOnce = true;
        return this.#sendElsewhere(endpoint);
      }
      const status = lost ? UNAVAILABLE : statusFromReset(code);
      if (further?.retries(status, lost ? 'upstream_closed' : 'upstream_reset', null)) return;
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
    this.leaveOut(endpoint);
    this.#transparent++;
    this.state = EXCHANGE.WAITING;
    add(this.service.block, SERVICE.RETRIES + RETRY_REASONS.indexOf('upstream_reset'), 1);
    this.reselect();
  }

  leaveOut(endpoint: Endpoint): void {
    this.avoided = [...this.avoided.filter((other) => other !== endpoint), endpoint];
  }

  pauseUntil(at: number): void {
    if (this.endpoint !== null) this.leaveOut(this.endpoint);
    this.state = EXCHANGE.WAITING;
    this.#waitUntil = 0;
    this.#retryAt = at;
    this.#setAlarm(at);
  }

  wakeAt(at: number): void {
    if (this.state === EXCHANGE.SENT) this.#setAlarm(at);
  }

  adopt({ stream, endpoint, sentAt }: Hedge): void {
    this.up = stream;
    stream.owner = this;
    this.endpoint = endpoint;
    this.sentAt = sentAt;
    this.#attempting = true;
    this.state = EXCHANGE.SENT;
  }

  /** The instance has ended its answer. */
  #responded(): void {
    // What a gRPC caller makes of an answer without a status.
    if (this.view.isGrpc && this.grpcStatus === NO_GRPC_STATUS) this.grpcStatus = statusFromHttp(this.httpStatus);
    const up = this.up as Stream;
    this.up = null;
    this.#recordAttempt(isFailure(this.httpStatus, this.grpcStatus) ? 'error' : 'ok', this.#verdict());
    // An answer before the end of the request (RFC 9113 section 8.1): nobody needs the rest.
    if (up.writable) up.connection.reset(up, ERROR.CANCEL);
    if (!this.body.ended) this.down.connection.stopReceiving(this.down);
    this.#finish();
  }

  /** What a complete answer says of the instance. */
  #verdict(): Verdict {
    const { grpcStatus, httpStatus } = this;
    const code = grpcStatus !== NO_GRPC_STATUS ? grpcStatus : httpStatus >= 500 ? statusFromHttp(httpStatus) : 0;
    return this.service.outliers.verdict(code);
  }

  // Ends

  /** The deadline, or the limit on waiting, has come. */
  expired(): void {
    if (this.state === EXCHANGE.DONE) return;
    const now = this.#context.clock.now();
    const service = this.service.name;
    if (this.deadline > 0 && now >= this.deadline - 1) return this.#deadlinePassed(now);
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

  #deadlinePassed(now: number): void {
    const of = whoseLimit(this.#timeout, this.#rules, this.view.timeout);
    const at = this.state === EXCHANGE.WAITING ? null : (this.endpoint as Endpoint).id;
    const message = describeDeadline(this.service.name, at, of, now - this.arrivedAt, this.attempts);
    this.refuse('deadline', message);
  }

  #nextStepDue(now: number): void {
    const further = this.#further as FurtherAttempts;
    const at = (this.endpoint as Endpoint).id;
    if (further.stepDue(now)) return;
    this.refuse('deadline', describeTry(this.service.name, at, further.perTryTimeout, this.attempts));
  }

  /** Ends the exchange with an error of the sidecar's own. */
  refuse(reason: Reason, message: string): void {
    if (this.state === EXCHANGE.DONE) return;
    if (reason === 'deadline') this.endAttempt('deadline', this.#deadlineVerdict, ERROR.CANCEL);
    else this.endAttempt('canceled', 'unknown', ERROR.CANCEL);
    this.#answer(reason, message);
  }

  #answer(reason: Reason, message: string, grpcStatus?: number): void {
    add(this.service.block, SERVICE.REJECTED + REASON_NAMES.indexOf(reason), 1);
    this.reason = reason;
    if (this.state === EXCHANGE.RESPONDING) {
      this.grpcStatus = breakOff(this.down, this.view, this.body.ended, reason, message);
    } else {
      const { isGrpc, isHead } = this.view;
      const reply = localReply(reason, message, isGrpc, isHead, grpcStatus);
      this.httpStatus = reply.httpStatus;
      this.grpcStatus = reply.grpcStatus ?? NO_GRPC_STATUS;
      this.bytesOut = reply.body === null ? 0 : reply.body.length;
      sendReply(this.down, { ...reply, headers: this.#withDebug(reply.headers) }, this.body.ended);
    }
    this.#finish();
  }

  /** Ends the attempt that is under way, if one is: the instance hears `code`. */
  endAttempt(result: UpstreamResult, verdict: Verdict, code: number | null): void {
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
    if (this.#further !== null) this.#further.close();
    this.body.drop(this.down);
    this.service.inFlight--;
    add(this.service.block, SERVICE.IN_FLIGHT, -1);
    this.#context.afterFlush(this);
  }

  /** What this exchange wrote in this turn has been handed to the kernel, at `now`; true when it ended with that. */
  flushed(now: number): boolean {
    if (this.state === EXCHANGE.DONE) {
      if (this.finishedAt !== 0) return false;
      this.finishedAt = now;
      recordRequest(this, this.#context.observer);
      return true;
    }
    if (this.sentAt === 0) this.sentAt = now;
    return false;
  }

  #withDebug(list: HeaderList): HeaderList {
    return this.view.debug ? withDebugHeaders(list, this.attempts, this.endpoint?.record) : list;
  }
}
