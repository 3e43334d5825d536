import {
  add,
  ENDPOINT,
  GRPC_STATUSES,
  observe,
  SERVICE,
  UPSTREAM_RESULTS,
  type UpstreamResult,
  VERSION,
} from '../../model/counters.ts';
import type { RequestObserver } from '../observe/request_observer.ts';
import type { RequestTrace } from '../observe/request_trace.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Verdict } from '../upstream/passive_health.ts';
import type { Exchange } from './exchange.ts';

/** One sending of a request to one instance. Times in milliseconds; `sentAt` 0 when it never left. */
export interface Attempt {
  readonly endpoint: Endpoint | null;
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly trace: RequestTrace | null;
}

/** Counts an attempt that ended. */
export function recordAttempt(attempt: Attempt, result: UpstreamResult, verdict: Verdict): void {
  const endpoint = attempt.endpoint as Endpoint;
  const block = endpoint.block;
  add(block, ENDPOINT.REQUESTS + UPSTREAM_RESULTS.indexOf(result), 1);
  const latency = attempt.sentAt === 0 ? 0 : attempt.answeredAt - attempt.sentAt;
  observe(block.view, block.base + ENDPOINT.DURATION, latency / 1000);
  if (verdict === 'unknown') endpoint.unjudged(latency);
  else endpoint.judge(verdict === 'failed', latency);
  endpoint.requestEnded();
  if (attempt.trace !== null) attempt.trace.attemptEnded(endpoint, result, attempt.answeredAt);
}

/**
 * Counts a request that ended, when the last of its answer has been handed to the kernel. The overhead is what remains of its
 * duration when the instance's part is taken off: reading, choosing, waiting for a connection, and writing, both ways. `observer` hears of it.
 */
export function recordRequest(exchange: Exchange, observer: RequestObserver | null): void {
  const service = exchange.service.block;
  const duration = exchange.finishedAt - exchange.arrivedAt;
  const upstream = exchange.sentAt === 0 ? 0 : exchange.answeredAt - exchange.sentAt;
  observe(service.view, service.base + SERVICE.DURATION, duration / 1000);
  observe(service.view, service.base + SERVICE.OVERHEAD, Math.max(0, duration - upstream) / 1000);
  const endpoint = exchange.endpoint;
  const block = endpoint === null ? exchange.service.unversionedBlock : endpoint.versionBlock;
  const codeClass = exchange.httpStatus === 0 ? 4 : Math.min(4, Math.floor(exchange.httpStatus / 100) - 1);
  add(block, VERSION.REQUESTS + codeClass * GRPC_STATUSES + exchange.grpcStatus, 1);
  if (observer !== null) observer.ended(exchange);
}
