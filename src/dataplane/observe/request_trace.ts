import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { UpstreamResult } from '../../model/counters.ts';
import type { AttemptSpan } from '../../model/observation.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { randomId, type TraceContext, withTraceparent } from './trace_context.ts';

/** Attempts that are told of; policies allow fewer. */
const MOST_ATTEMPTS = 32;

interface OpenSpan {
  readonly spanId: string;
  readonly endpoint: Endpoint;
  readonly startedAt: number;
}

/**
 * The trace of one request that is recorded: its own span, and one for each attempt, whose id the instance gets in `traceparent`. Times
 * on the turn clock.
 */
export class RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** The caller's span; null when the trace begins here. */
  readonly parentId: string | null;
  /** What makes epoch milliseconds of the turn clock's. */
  readonly epoch: number;
  /** Ended attempts, their times in epoch milliseconds. */
  readonly attempts: AttemptSpan[] = [];
  #open: OpenSpan[] = [];
  /** Of the `traceparent` for the instance; null: it is told in B3, which goes through untouched. */
  readonly #flags: string | null;
  readonly #random: () => number;

  constructor(parent: TraceContext | null, epoch: number, random: () => number) {
    this.traceId = parent?.traceId ?? randomId(32, random);
    this.parentId = parent?.parentId ?? null;
    this.spanId = randomId(16, random);
    this.#flags = parent === null ? '01' : parent.flags;
    this.epoch = epoch;
    this.#random = random;
  }

  /** An attempt begins: gives the headers that it is to be sent with. */
  attempt(list: HeaderList, endpoint: Endpoint, now: number): HeaderList {
    const spanId = randomId(16, this.#random);
    this.#open.push({ spanId, endpoint, startedAt: now });
    return this.#flags === null ? list : withTraceparent(list, `00-${this.traceId}-${spanId}-${this.#flags}`);
  }

  /** An instance is asked once at a time. */
  attemptEnded(endpoint: Endpoint, result: UpstreamResult, now: number): void {
    const span = this.#open.find((open) => open.endpoint === endpoint);
    if (span === undefined) return;
    this.#open = this.#open.filter((open) => open !== span);
    if (this.attempts.length === MOST_ATTEMPTS) return;
    const { address, version } = endpoint.record;
    const [start, end] = [this.epoch + span.startedAt, this.epoch + now];
    this.attempts.push({ spanId: span.spanId, instance: address, version, start, end, result });
  }
}
