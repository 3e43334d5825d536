import { performance } from 'node:perf_hooks';
import { NO_GRPC_STATUS } from '../../model/counters.ts';
import {
  endedBadly,
  matchesTap,
  type ObserveSettings,
  type RequestRecord,
  type TraceRecord,
} from '../../model/observation.ts';
import { BatchWriter } from '../../model/request_batch.ts';
import type { FromDataThread } from '../../model/snapshot.ts';
import type { Exchange } from '../forwarding/exchange.ts';
import type { LocalReply } from '../forwarding/local_reply.ts';
import type { RequestView } from '../routing/request_view.ts';
import type { RequestObserver } from './request_observer.ts';
import { RequestTrace } from './request_trace.ts';
import { traceContextOf } from './trace_context.ts';

/** A batch that is not full leaves after this long, in milliseconds. */
const BATCH_INTERVAL = 100;
/** Batches on their way that the control plane has not taken yet: beyond, records are dropped and counted. */
const MOST_UNTAKEN = 16;
/** Traced requests of one batch. */
const MOST_TRACES = 256;

/** The two clocks are read one after the other: only a greater change than this means that one of them was set. In milliseconds. */
const CLOCK_SET = 50;

/** Posts a message; the memory in `transfer` goes with it. */
type Post = (message: FromDataThread, transfer: readonly ArrayBuffer[]) => void;

/**
 * Tells the control plane of requests, in batches, and only of those that somebody wants to hear of. It never waits: when the control plane
 * does not keep up, records are dropped and counted.
 */
export class Observer implements RequestObserver {
  readonly #post: Post;
  readonly #random: () => number;
  #settings: ObserveSettings;
  readonly #batch = new BatchWriter();
  #traces: TraceRecord[] = [];
  #dropped = 0;
  #untaken = 0;
  #timer: NodeJS.Timeout | null = null;
  /** What makes epoch milliseconds of the turn clock's; looked at again for each batch, since the system's clock may be set. */
  #epoch = epochOffset();

  constructor(settings: ObserveSettings, post: Post, random: () => number) {
    this.#settings = settings;
    this.#post = post;
    this.#random = random;
  }

  configure(settings: ObserveSettings): void {
    this.#settings = settings;
  }

  /** The control plane has taken a batch. */
  taken(): void {
    this.#untaken--;
    if (this.#timer === null && this.#batch.records > 0) this.#send();
  }

  /** Sends what there is: the thread ends. */
  flush(): void {
    if (this.#timer !== null) this.#send();
  }

  traced(view: RequestView): RequestTrace | null {
    const tracing = this.#settings.tracing;
    if (tracing === null) return null;
    const context = traceContextOf(view.list);
    const sampled = context?.sampled ?? this.#random() < tracing.sample;
    return sampled ? new RequestTrace(context, this.#epoch, this.#random) : null;
  }

  ended(exchange: Exchange): void {
    const { view, httpStatus, grpcStatus, trace, endpoint } = exchange;
    const version = endpoint === null ? null : endpoint.record.version;
    const instance = endpoint === null ? null : endpoint.id;
    const service = exchange.service.name;
    const logged = this.#isLogged(httpStatus, grpcStatus);
    if (!logged && trace === null && !this.#isTapped(service, version, instance, view, httpStatus, grpcStatus)) return;
    this.#add(
      {
        time: (trace === null ? this.#epoch : trace.epoch) + exchange.arrivedAt,
        service,
        instance,
        version,
        method: view.head.method,
        path: pathOf(view),
        status: httpStatus,
        grpcStatus: grpcStatus === NO_GRPC_STATUS ? null : grpcStatus,
        reason: exchange.reason,
        attempts: exchange.attempts,
        bytesIn: exchange.bytesIn,
        bytesOut: exchange.bytesOut,
        duration: exchange.finishedAt - exchange.arrivedAt,
        upstream: exchange.sentAt === 0 ? 0 : exchange.answeredAt - exchange.sentAt,
        traceId: trace === null ? (traceContextOf(view.list)?.traceId ?? null) : trace.traceId,
        spanId: trace === null ? null : trace.spanId,
        client: view.source,
        logged,
      },
      trace,
      view,
    );
  }

  unrouted(view: RequestView, { httpStatus, grpcStatus, body }: LocalReply): void {
    const logged = this.#isLogged(httpStatus, grpcStatus);
    if (!logged && !this.#isTapped('', null, null, view, httpStatus, grpcStatus)) return;
    this.#add(
      {
        time: Date.now(),
        service: '',
        instance: null,
        version: null,
        method: view.head.method,
        path: pathOf(view),
        status: httpStatus,
        grpcStatus,
        reason: 'no_route',
        attempts: 0,
        bytesIn: 0,
        bytesOut: body === null ? 0 : body.length,
        duration: 0,
        upstream: 0,
        traceId: traceContextOf(view.list)?.traceId ?? null,
        spanId: null,
        client: view.source,
        logged,
      },
      null,
      view,
    );
  }

  #isLogged(status: number, grpcStatus: number | null): boolean {
    const { mode, sample } = this.#settings.log;
    switch (mode) {
      case 'off':
        return false;
      case 'errors':
        return endedBadly(status, grpcStatus);
      case 'sampled':
        return this.#random() < sample || endedBadly(status, grpcStatus);
      case 'all':
        return true;
    }
  }

  #isTapped(
    service: string,
    version: string | null,
    instance: string | null,
    view: RequestView,
    status: number,
    grpcStatus: number | null,
  ): boolean {
    const { taps } = this.#settings;
    if (taps.length === 0) return false;
    const outcome = { service, version, instance, path: pathOf(view), status, grpcStatus };
    return taps.some((tap) => matchesTap(tap, outcome));
  }

  #add(record: RequestRecord, trace: RequestTrace | null, view: RequestView): void {
    if (this.#batch.full || (trace !== null && this.#traces.length === MOST_TRACES)) {
      this.#dropped++;
      return;
    }
    this.#batch.add(record);
    if (trace !== null) {
      const { traceId, spanId, parentId, attempts } = trace;
      this.#traces.push({ request: record, traceId, spanId, parentId, state: view.list.get('tracestate'), attempts });
    }
    if (this.#batch.full) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), BATCH_INTERVAL).unref();
  }

  #send(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // When this comes back is up to the control plane; `taken` sends what is kept.
    if (this.#untaken >= MOST_UNTAKEN) return;
    const batch = this.#batch.take();
    const [traces, dropped] = [this.#traces, this.#dropped];
    this.#traces = [];
    this.#dropped = 0;
    this.#untaken++;
    const epoch = epochOffset();
    if (Math.abs(epoch - this.#epoch) > CLOCK_SET) this.#epoch = epoch;
    this.#post({ kind: 'requests', batch, traces, dropped }, [batch.numbers.buffer]);
  }
}

function epochOffset(): number {
  return Date.now() - performance.now();
}

/** Without the query: what stands there may be secret. */
function pathOf(view: RequestView): string {
  const { path } = view.head;
  const end = path.indexOf('?');
  return end === -1 ? path : path.slice(0, end);
}
