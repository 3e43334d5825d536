import { ERROR } from '../../http2/frame/codes.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { add, RETRY_REASONS, type RetryReason, SERVICE, type UpstreamResult } from '../../model/counters.ts';
import type { HedgePolicy, RequestRules, RetryPolicy } from '../../model/resilience.ts';
import type { RequestTrace } from '../observe/request_trace.ts';
import type { RequestView } from '../routing/request_view.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Verdict } from '../upstream/passive_health.ts';
import { Refusal } from '../upstream/selector.ts';
import type { ServiceUpstream } from '../upstream/service_upstream.ts';
import type { UpstreamHandler } from '../upstream/upstream_connection.ts';
import type { ForwardingContext } from './context.ts';
import { Hedge, type HedgedRequest } from './hedge.ts';
import { isServerFault } from './outcome.ts';
import type { RequestBody } from './request_body.ts';
import { failureOf, mayRetry, pushbackDelay, pushbackOf, retryDelay } from './retry.ts';

/** Instances that are looked at for one more attempt beside those under way. */
const MOST_PICKS = 10;

/** The request that further attempts are made for. */
export interface RepeatedRequest extends UpstreamHandler {
  readonly down: Stream;
  readonly view: RequestView;
  readonly body: RequestBody;
  readonly trace: RequestTrace | null;
  /** The attempt under way; null between two. */
  readonly up: Stream | null;
  readonly endpoint: Endpoint | null;
  /** Sendings so far. */
  attempts: number;
  /** When its time is over on the turn clock; 0: never. */
  readonly deadline: number;
  outgoingHeaders(endpoint: Endpoint): HeaderList;
  /** Ends the attempt under way, and counts it. */
  endAttempt(result: UpstreamResult, verdict: Verdict, code: number | null): void;
  /** Goes on with an attempt that was begun beside the one that was under way. */
  adopt(hedge: Hedge): void;
  /** Where the request has failed: others are better. */
  readonly avoided: readonly Endpoint[];
  /** It has failed there, too. */
  leaveOut(endpoint: Endpoint): void;
  /** Chooses an instance again at `at` on the turn clock, rather not the last one. */
  pauseUntil(at: number): void;
  /** Lets the time of the next step be looked at again. */
  wakeAt(at: number): void;
}

/**
 * What a request needs besides when its rules have a retry or a hedge policy (gRFC A6): the attempts that may follow or join the one under
 * way, when they are due, and the places that they take in the service's retry budget. Requests without such rules have none of it.
 */
export class FurtherAttempts implements HedgedRequest {
  readonly down: Stream;
  readonly #request: RepeatedRequest;
  readonly #service: ServiceUpstream;
  readonly #context: ForwardingContext;
  readonly #rules: RequestRules;
  readonly #retry: RetryPolicy | null;
  readonly #hedge: HedgePolicy | null;
  /** Attempts that the retry policy counts: those that found no instance are among them, hedges are not. */
  #tries = 1;
  /** Places in the retry budget that this request has taken. */
  #places = 0;
  /** This attempt is given up, and a hedge begins, at these times; 0: never. */
  #tryUntil = 0;
  #hedgeAt = 0;
  /** An instance wanted no further attempt. */
  #stopped = false;
  /** No hedge begins before this: an instance asked for it. */
  #notBefore = 0;
  /** A hedge was due before the request was here whole. */
  #overdue = false;
  #hedges: readonly Hedge[] = [];

  constructor(request: RepeatedRequest, service: ServiceUpstream, rules: RequestRules, context: ForwardingContext) {
    this.down = request.down;
    this.#request = request;
    this.#service = service;
    this.#context = context;
    this.#rules = rules;
    this.#retry = rules.retry;
    this.#hedge = rules.hedge;
  }

  /** An attempt was sent. Gives the time of the next step; 0: there is none. */
  begun(): number {
    const now = this.#context.clock.now();
    this.#tryUntil = 0;
    // While the request is not here whole, nobody can say that the instance is slow.
    if (this.#request.body.ended) this.#limitTry(now);
    const hedge = this.#hedge;
    this.#hedgeAt = hedge === null || this.#request.attempts >= hedge.attempts ? 0 : now + hedge.delay;
    return this.nextStep;
  }

  #limitTry(from: number): void {
    const limit = this.#retry?.perTryTimeout ?? null;
    this.#tryUntil = limit === null ? 0 : from + limit;
  }

  /** When this attempt is given up, or another begins beside it, whichever comes first; 0: never. */
  get nextStep(): number {
    if (this.#tryUntil === 0 || this.#hedgeAt === 0) return Math.max(this.#tryUntil, this.#hedgeAt);
    return Math.min(this.#tryUntil, this.#hedgeAt);
  }

  /** The time of the next step has come. False: the attempt has taken too long, and nobody takes its place. */
  stepDue(now: number): boolean {
    if (this.#tryUntil !== 0 && now >= this.#tryUntil - 1) {
      if (this.#request.body.replayable) return this.#replacesSlow();
      // Nothing could take its place.
      this.#tryUntil = 0;
    }
    if (this.#hedgeAt !== 0 && now >= this.#hedgeAt - 1) this.#begin();
    this.#request.wakeAt(this.nextStep);
    return true;
  }

  /** The limit that `stepDue` speaks of, in milliseconds. */
  get perTryTimeout(): number {
    return this.#retry?.perTryTimeout ?? 0;
  }

  #replacesSlow(): boolean {
    this.#tryUntil = 0;
    this.#request.endAttempt('deadline', this.#service.outliers.deadlineVerdict, ERROR.CANCEL);
    return this.takenOver() || this.retries(null, 'per_try_timeout', null);
  }

  /** The request is here whole. */
  bodyEnded(): void {
    const now = this.#context.clock.now();
    this.#limitTry(now);
    if (this.#overdue && !this.#stopped) this.#hedgeAt = Math.max(now, this.#notBefore);
    this.#overdue = false;
    this.#request.wakeAt(this.nextStep);
  }

  // After a failure

  /**
   * After a failure with this gRPC code (null: one that every policy means): plans another attempt if the rules, what is left of the request, its
   * time and the service's budget allow it. The attempt that failed has been ended, or is by the caller.
   */
  retries(code: number | null, reason: RetryReason, pushback: string | null): boolean {
    const delay = this.#delayAfter(code, pushback);
    if (delay === -1) return false;
    // The retry before this one is over.
    this.#giveBack();
    if (!this.#takePlace()) return false;
    this.#tries++;
    this.#overdue = false;
    this.#count(reason);
    this.#request.pauseUntil(this.#context.clock.now() + delay);
    return true;
  }

  /** Milliseconds until another attempt may follow; -1: none may. */
  #delayAfter(code: number | null, pushback: string | null): number {
    const { body, deadline } = this.#request;
    if (!body.replayable) return -1;
    const delay = this.#delayByPolicy(code, pushback);
    const inTime = deadline === 0 || this.#context.clock.now() + delay < deadline;
    return inTime ? delay : -1;
  }

  #delayByPolicy(code: number | null, pushback: string | null): number {
    const { view, attempts } = this.#request;
    if (this.#stopped) return -1;
    const policy = this.#retry;
    const meant = policy !== null && (code === null || policy.on.includes(code)) && mayRetry(policy, view);
    if (meant && this.#tries < policy.attempts)
      return retryDelay(policy, this.#tries, pushback, () => this.#context.random());
    // gRFC A6: the next hedge does not wait when the ones before it have failed.
    const hedge = this.#hedge;
    if (hedge === null || attempts >= hedge.attempts || (code !== null && !isServerFault(code))) return -1;
    return pushback === null ? 0 : pushbackDelay(pushback);
  }

  /** Response headers have come that need not be passed on: whether another attempt takes the place of this one. */
  replaces(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): boolean {
    const code = failureOf(list, head, this.#request.view.isGrpc, endStream);
    const others = this.#hedges.length > 0;
    if (code === -1 || (others && !this.#isBad(code))) {
      this.#cancelHedges();
      return false;
    }
    const verdict = this.#service.outliers.verdict(code);
    const left = endStream && !stream.writable ? null : ERROR.CANCEL;
    if (others) {
      this.#request.endAttempt('error', verdict, left);
      return this.takenOver(pushbackOf(list));
    }
    if (!this.retries(code, 'status', pushbackOf(list))) return false;
    this.#request.endAttempt('error', verdict, left);
    return true;
  }

  // Attempts at the same time

  /** The attempt under way has failed, with this pushback: another that is, takes its place. False when there is none. */
  takenOver(pushback: string | null = null): boolean {
    const hedge = this.#hedges[0];
    if (hedge === undefined) return false;
    const failed = this.#request.endpoint;
    if (failed !== null) this.#request.leaveOut(failed);
    this.#adopt(hedge);
    this.#goOn(pushback);
    return true;
  }

  /** Sends the request to another instance as well. */
  #begin(): void {
    this.#hedgeAt = 0;
    const policy = this.#hedge;
    const { body, view, attempts } = this.#request;
    if (policy === null || this.#stopped || !body.replayable || attempts >= policy.attempts) return;
    if (!body.ended) {
      this.#overdue = true;
      return;
    }
    const endpoint = this.#another();
    const connection = endpoint === null ? null : endpoint.freeConnection();
    if (endpoint === null || connection === null || !this.#takePlace()) return;
    this.#request.attempts++;
    this.#count('hedge');
    const headers = this.#request.outgoingHeaders(endpoint);
    this.#hedges = [...this.#hedges, new Hedge(this, endpoint, connection, headers, body, view.isHead)];
    if (this.#request.attempts < policy.attempts) this.#hedgeAt = this.#context.clock.now() + policy.delay;
  }

  /** An instance that none of the attempts under way is at, and rather none that has failed. */
  #another(): Endpoint | null {
    const { view, endpoint: first } = this.#request;
    const service = this.#service;
    const selected = service.select(view, this.#rules);
    if (selected instanceof Refusal) return null;
    const key = service.hashes ? service.keyOf(view) : 0;
    let avoid = [...this.#request.avoided, ...this.#hedges.map((hedge) => hedge.endpoint)];
    if (first !== null) avoid.push(first);
    for (let picks = 0; picks < Math.min(MOST_PICKS, selected.members.length); picks++) {
      const endpoint = selected.pick(avoid, key);
      if (endpoint === null) return null;
      const taken = endpoint === first || this.#hedges.some((hedge) => hedge.endpoint === endpoint);
      if (!taken && service.admits(endpoint, view)) return endpoint;
      avoid = [...avoid, endpoint];
    }
    return null;
  }

  /** An answer that does not count while somebody else is asked: the server failed, not the call. */
  #isBad(code: number): boolean {
    return isServerFault(code) || (this.#retry?.on.includes(code) ?? false);
  }

  hedgeResponded(hedge: Hedge, list: HeaderList, head: MessageHead, endStream: boolean): void {
    const code = failureOf(list, head, this.#request.view.isGrpc, endStream);
    const others = this.#request.up !== null || this.#hedges.length > 1;
    if (others && code !== -1 && this.#isBad(code)) {
      // Somebody else may do better.
      this.#forget(hedge);
      this.#request.leaveOut(hedge.endpoint);
      if (!endStream || hedge.stream.writable) hedge.stream.connection.reset(hedge.stream, ERROR.CANCEL);
      hedge.end('error', this.#service.outliers.verdict(code));
      return this.#goOn(pushbackOf(list));
    }
    if (this.#request.up !== null) this.#request.endAttempt('canceled', 'unknown', ERROR.CANCEL);
    this.#adopt(hedge);
    this.#request.onResponse(hedge.stream, list, head, endStream);
  }

  hedgeFailed(hedge: Hedge): void {
    this.#forget(hedge);
    this.#request.leaveOut(hedge.endpoint);
    this.#goOn(null);
  }

  get trace(): RequestTrace | null {
    return this.#request.trace;
  }

  now(): number {
    return this.#context.clock.now();
  }

  /**
   * One attempt less is under way: the next one need not wait (gRFC A6), unless the instance asked for a pause, or for no attempt at all. What
   * one has asked for holds whatever the others do.
   */
  #goOn(pushback: string | null): void {
    const now = this.#context.clock.now();
    const delay = pushback === null ? 0 : pushbackDelay(pushback);
    if (delay === -1) this.#stopped = true;
    else this.#notBefore = Math.max(this.#notBefore, now + delay);
    if (this.#stopped) this.#hedgeAt = 0;
    else if (this.#hedgeAt !== 0) this.#hedgeAt = pushback === null ? Math.max(now, this.#notBefore) : this.#notBefore;
    this.#request.wakeAt(this.nextStep);
  }

  #forget(hedge: Hedge): void {
    this.#hedges = this.#hedges.filter((other) => other !== hedge);
  }

  #adopt(hedge: Hedge): void {
    this.#forget(hedge);
    this.#limitTry(hedge.sentAt);
    this.#request.adopt(hedge);
  }

  #cancelHedges(): void {
    const hedges = this.#hedges;
    this.#hedges = [];
    for (const hedge of hedges) hedge.cancel();
  }

  // The budget

  #takePlace(): boolean {
    const { retryBudget, inFlight, block } = this.#service;
    if (!retryBudget.take(inFlight, this.#context.clock.now())) {
      add(block, SERVICE.RETRIES_DENIED, 1);
      return false;
    }
    this.#places++;
    return true;
  }

  #giveBack(): void {
    for (; this.#places > 0; this.#places--) this.#service.retryBudget.release();
  }

  #count(reason: RetryReason): void {
    add(this.#service.block, SERVICE.RETRIES + RETRY_REASONS.indexOf(reason), 1);
  }

  /** The request is over. */
  close(): void {
    this.#cancelHedges();
    this.#giveBack();
  }
}
