import { REASON_NAMES, type Reason } from '../../base/errors.ts';
import type { WheelEntry } from '../../base/timer_wheel.ts';
import { statusFromHttp, statusFromReset } from '../../grpc/status.ts';
import { ERROR } from '../../http2/frame/codes.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import { hold, release } from '../../http2/held.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { add, NO_GRPC_STATUS, SERVICE, UPSTREAM_RESULTS, type UpstreamResult } from '../../model/counters.ts';
import type { RequestView } from '../routing/request_view.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { Refusal, type ServiceUpstream, type WaitingRequest } from '../upstream/service_upstream.ts';
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
  describeReset,
  describeTooMany,
  describeUnanswered,
} from './failure_text.ts';
import { localReply, localTrailers } from './local_reply.ts';
import { recordAttempt, recordRequest } from './record.ts';
import { REPLAY_LIMIT, ReplayBuffer } from './replay_buffer.ts';
import { grpcStatusOf } from './response_view.ts';
import { sendReply } from './unrouted.ts';

/** How long a request waits for an instance when nothing else bounds it, in milliseconds: a dial's time limit, and some. */
const WAIT_LIMIT = 6_000;
/** A timeout below this is one that has passed, as grpc-go says it with `0n` or `1n`; in milliseconds. */
const EXPIRED = 0.001;
/** The same while the registry has never told of the service and the last attempt to ask it failed. */
const TROUBLED_WAIT_LIMIT = 1_000;
/** Sidecars that a request may go through: more is a circle. */
const MAX_HOPS = 10;
/** What is counted for a request whose client went away before the answer: nginx's code for it. */
const CLIENT_CLOSED = 499;

/**
 * Where an exchange is:
 *
 *     (request headers) --> WAITING --- instance found ---> SENT --- response headers ---> RESPONDING --- END_STREAM ---> DONE
 *                              ^                             |                                 |                           ^
 *                              +-- certainly not processed --+                                 |                           |
 *                              |   (once)                    +--- refused, reset, lost, deadline, cancelled ---------------+
 *                              +--- refused, deadline, cancelled ----------------------------------------------------------+
 */
const EXCHANGE = { WAITING: 0, SENT: 1, RESPONDING: 2, DONE: 3 } as const;
type ExchangeState = 0 | 1 | 2 | 3;

/**
 * One request and its answer: a stream of an app's connection paired with a stream of an instance's. The only mutable object of
 * a request. DATA is passed on as it arrives; credit for it goes back when the other side's socket took it.
 */
export class Exchange implements UpstreamHandler, WaitingRequest, WheelEntry {
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
  readonly #body = new ReplayBuffer();
  /** Octets of the body that have been given to an attempt, and so credited to the client. */
  #credited = 0;
  /** Octets of the body whose connection credit has been given back: those, and the ones after them that are held (`held.ts`). */
  #settled = 0;
  #requestEnded: boolean;
  #requestTrailers: HeaderList | null = null;
  /** The client's timeout or the service's, whichever is shorter, in milliseconds; null when there is none. */
  #timeout: number | null = null;
  /** When that is over on the turn clock, 0 when there is none. */
  #deadline = 0;
  /** Until when this attempt may wait for an instance; 0 while it has not begun to. */
  #waitUntil = 0;
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
    this.#requestEnded = requestEnded;
    this.arrivedAt = context.clock.now();
  }

  /** Takes the request on: finds an instance, waits for one, or answers. */
  start(): void {
    const service = this.service;
    if (!this.#enter()) return;
    if (this.view.hops >= MAX_HOPS) return this.refuse('no_route', describeLoop(service.name, this.view.hops));
    this.reselect();
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
    const own = service.settings.timeout;
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
    const selected = service.select(this.view.version(service.settings.version.header));
    if (selected instanceof Refusal) return this.refuse(selected.reason, selected.message);
    const endpoint = selected.pick(this.#avoid);
    if (endpoint !== null) this.dispatch(endpoint);
    else this.#wait(selected);
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
    if (refusal !== null) return this.refuse(refusal.reason, refusal.message);
    this.state = EXCHANGE.WAITING;
    // Kept when the request has to choose again, however often the set changes.
    const { known, trouble } = this.service;
    if (this.#waitUntil === 0) this.#waitUntil = this.#context.clock.now() + WAIT_LIMIT;
    if (!known && trouble !== null) this.#waitUntil = Math.min(this.#waitUntil, this.arrivedAt + TROUBLED_WAIT_LIMIT);
    if (this.#deadline === 0 || this.#waitUntil < this.#deadline)
      this.#context.deadlines.schedule(this, this.#waitUntil);
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
    const body = this.#body;
    const bodyless = this.#requestEnded && body.octets === 0 && this.#requestTrailers === null;
    const up = connection.http2.open(this.#outgoingHeaders(), bodyless, this.view.isHead, this);
    this.up = up;
    this.sentAt = 0;
    this.#context.afterFlush(this);
    if (this.#deadline > 0) this.#context.deadlines.schedule(this, this.#deadline);
    else this.#context.deadlines.cancel(this);
    if (body.octets > 0) {
      const ends = this.#requestEnded && this.#requestTrailers === null;
      body.send(up, ends, this.down, this.#credited, this.#settled);
      this.#credited = body.octets;
      this.#settled = body.octets;
      if (body.octets > REPLAY_LIMIT) body.release();
    }
    if (this.#requestTrailers !== null) up.connection.trailers(up, this.#requestTrailers);
  }

  /** The headers as they came, with what is left of the deadline when some of it has been spent here. */
  #outgoingHeaders(): HeaderList {
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
    if (endStream) this.#requestEnded = true;
    const up = this.up;
    if (this.state === EXCHANGE.WAITING) {
      // The stream's window bounds what waits here; the connection's should not, for the streams beside it.
      const before = this.#body.octets;
      this.#body.add(buf, start, end);
      if (this.#settled === before && hold(end - start)) {
        this.down.connection.creditConnection(end - start);
        this.#settled = this.#body.octets;
      }
      return;
    }
    if (up === null) return this.down.connection.credit(this.down, end - start);
    if (this.state === EXCHANGE.SENT && this.#body.complete) {
      if (this.#body.octets + end - start > REPLAY_LIMIT) this.#body.release();
      else this.#body.add(buf, start, end);
      this.#credited = this.#body.octets;
      this.#settled = this.#body.octets;
    }
    up.connection.data(up, buf, start, end, endStream, this.down);
  }

  onRequestTrailers(list: HeaderList): void {
    this.#requestEnded = true;
    this.#requestTrailers = list;
    if (this.up !== null) this.up.connection.trailers(this.up, list);
  }

  /** The client gave up on the stream, or its connection is gone. */
  onClientReset(code: number): void {
    if (this.state === EXCHANGE.DONE) return;
    if (this.httpStatus === 0) this.httpStatus = CLIENT_CLOSED;
    this.grpcStatus = this.view.isGrpc ? 1 : NO_GRPC_STATUS;
    this.#endAttempt('canceled', code === ERROR.NO_ERROR ? ERROR.CANCEL : code);
    this.#finish();
  }

  // The response side

  onInformational(stream: Stream, list: HeaderList): void {
    if (stream === this.up) this.down.connection.headers(this.down, list, false);
  }

  onResponse(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    if (stream !== this.up) return;
    this.state = EXCHANGE.RESPONDING;
    this.#body.release();
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
    this.up = null;
    this.#endAttempt(lost ? 'closed' : 'reset', null);
    if (!responding && this.#body.complete) {
      // Never handed to the socket: as if it had not been tried.
      if (!stream.connection.wasSent(stream)) return this.#sendElsewhere(endpoint);
      if (unprocessed && this.#unprocessedRetries++ === 0) return this.#sendElsewhere(endpoint);
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

  /** gRFC A6, transparent retry: the instance certainly did not process the request. */
  #sendElsewhere(endpoint: Endpoint): void {
    this.#avoid = endpoint;
    this.state = EXCHANGE.WAITING;
    const slot = SERVICE.RETRIES + REASON_NAMES.indexOf('upstream_reset');
    add(this.service.block, slot, 1);
    this.reselect();
  }

  /** The instance has ended its answer. */
  #responded(): void {
    this.answeredAt = this.#context.clock.now();
    // What a gRPC caller makes of an answer without a status.
    if (this.view.isGrpc && this.grpcStatus === NO_GRPC_STATUS) this.grpcStatus = statusFromHttp(this.httpStatus);
    const up = this.up as Stream;
    this.up = null;
    this.#recordAttempt(this.#failedStatus() ? 'error' : 'ok');
    // An answer before the end of the request (RFC 9113 section 8.1): nobody needs the rest.
    if (up.writable) up.connection.reset(up, ERROR.CANCEL);
    if (!this.#requestEnded) this.down.connection.stopReceiving(this.down);
    this.#finish();
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
    if (this.state !== EXCHANGE.WAITING) return;
    if (this.service.known) return this.refuse('no_healthy', describeAllFull(service, WAIT_LIMIT));
    this.refuse('no_instance', describeUnanswered(service, this.service.settings, this.service.trouble));
  }

  /** Ends the exchange with an error of the sidecar's own. */
  refuse(reason: Reason, message: string): void {
    if (this.state === EXCHANGE.DONE) return;
    this.#endAttempt(reason === 'deadline' ? 'deadline' : 'canceled', ERROR.CANCEL);
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
        if (!this.#requestEnded) connection.stopReceiving(down);
      } else connection.reset(down, ERROR.INTERNAL_ERROR);
    } else {
      const reply = localReply(reason, message, this.view.isGrpc, this.view.isHead, grpcStatus);
      this.httpStatus = reply.httpStatus;
      this.grpcStatus = reply.grpcStatus ?? NO_GRPC_STATUS;
      sendReply(down, { ...reply, headers: this.#withDebug(reply.headers) }, this.#requestEnded);
    }
    this.#finish();
  }

  /** Ends the attempt that is under way, if one is: the instance hears `code`. */
  #endAttempt(result: UpstreamResult, code: number | null): void {
    const up = this.up;
    this.up = null;
    if (up !== null && code !== null) up.connection.reset(up, code);
    if (!this.#attempting) return;
    this.answeredAt = this.#context.clock.now();
    this.#recordAttempt(result);
  }

  #recordAttempt(result: UpstreamResult): void {
    this.#attempting = false;
    recordAttempt(this, UPSTREAM_RESULTS.indexOf(result));
  }

  #finish(): void {
    this.service.stopWaiting(this);
    this.state = EXCHANGE.DONE;
    this.#context.deadlines.cancel(this);
    this.#dropBody();
    this.service.inFlight--;
    add(this.service.block, SERVICE.IN_FLIGHT, -1);
    this.#context.afterFlush(this);
  }

  /** What of the body has waited in vain: the credit that is still owed for it goes back. */
  #dropBody(): void {
    if (this.#settled > this.#credited) release(this.#settled - this.#credited);
    const owed = this.#body.octets - this.#settled;
    if (owed > 0) this.down.connection.creditConnection(owed);
    this.#credited = this.#settled = this.#body.octets;
    this.#body.release();
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
