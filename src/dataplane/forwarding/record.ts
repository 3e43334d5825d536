import { add, ENDPOINT, GRPC_STATUSES, observe, SERVICE, VERSION } from '../../model/counters.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Exchange } from './exchange.ts';

/** Counts an attempt that ended; `result` is an index into `UPSTREAM_RESULTS`. */
export function recordAttempt(exchange: Exchange, result: number): void {
  const endpoint = exchange.endpoint as Endpoint;
  const block = endpoint.block;
  add(block, ENDPOINT.REQUESTS + result, 1);
  const from = exchange.sentAt === 0 ? exchange.answeredAt : exchange.sentAt;
  observe(block.view, block.base + ENDPOINT.DURATION, (exchange.answeredAt - from) / 1000);
  endpoint.requestEnded();
}

/**
 * Counts a request that ended, when the last of its answer has been handed to the kernel. The overhead is what remains of its
 * duration when the instance's part is taken off: reading, choosing, waiting for a connection, and writing, both ways.
 */
export function recordRequest(exchange: Exchange): void {
  const service = exchange.service.block;
  const duration = exchange.finishedAt - exchange.arrivedAt;
  const upstream = exchange.sentAt === 0 ? 0 : exchange.answeredAt - exchange.sentAt;
  observe(service.view, service.base + SERVICE.DURATION, duration / 1000);
  observe(service.view, service.base + SERVICE.OVERHEAD, Math.max(0, duration - upstream) / 1000);
  const endpoint = exchange.endpoint;
  const block = endpoint === null ? exchange.service.unversionedBlock : endpoint.versionBlock;
  const codeClass = exchange.httpStatus === 0 ? 4 : Math.min(4, Math.floor(exchange.httpStatus / 100) - 1);
  add(block, VERSION.REQUESTS + codeClass * GRPC_STATUSES + exchange.grpcStatus, 1);
}
