import { statusFromHttp } from '../../grpc/status.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import { NO_GRPC_STATUS } from '../../model/counters.ts';
import type { RetryPolicy } from '../../model/resilience.ts';
import type { RequestView } from '../routing/request_view.ts';
import { grpcStatusOf } from './response_view.ts';

/** Sending these twice is the same as sending them once (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Tells the instance how often the request was sent before (gRFC A6). */
const PREVIOUS_ATTEMPTS = 'grpc-previous-rpc-attempts';

/** Whether the policy speaks of this request at all. */
export function mayRetry(policy: RetryPolicy, view: RequestView): boolean {
  return view.isGrpc || policy.nonIdempotent || IDEMPOTENT.has(view.head.method);
}

/**
 * The gRPC code of an answer that may still be thrown away, since nothing of it has been passed on; -1 when it is a good one, or one
 * that commits the request: headers that trailers will follow (gRFC A6).
 */
export function failureOf(list: HeaderList, head: MessageHead, isGrpc: boolean, endStream: boolean): number {
  if (!isGrpc) return head.status < 400 ? -1 : statusFromHttp(head.status);
  const status = grpcStatusOf(list);
  if (status === NO_GRPC_STATUS) return head.status !== 200 || endStream ? statusFromHttp(head.status) : -1;
  return endStream && status !== 0 ? status : -1;
}

/**
 * Milliseconds until the attempt after `tries` of them; -1 when the instance asked for no other. What it asks for in
 * `grpc-retry-pushback-ms` is kept exactly (gRFC A6).
 */
export function retryDelay(policy: RetryPolicy, tries: number, pushback: string | null, random: () => number): number {
  if (pushback !== null) return pushbackDelay(pushback);
  const { base, max } = policy.backoff;
  return Math.min(max, base * 2 ** (tries - 1)) * (0.8 + 0.4 * random());
}

/** What `grpc-retry-pushback-ms` says, in milliseconds; -1 when it is negative or unreadable: no other attempt is wanted. */
export function pushbackDelay(pushback: string): number {
  return /^\d{1,9}$/.test(pushback) ? Number(pushback) : -1;
}

/** What the instance asks for between attempts; null when it says nothing. */
export function pushbackOf(list: HeaderList): string | null {
  return list.get('grpc-retry-pushback-ms');
}

/** `list`, with the number of attempts before this one. */
export function withPreviousAttempts(list: HeaderList, attempts: number): HeaderList {
  const fields: string[] = [];
  const never: number[] = [];
  for (let i = 0; i < list.fields.length; i += 2) {
    if (list.fields[i] === PREVIOUS_ATTEMPTS) continue;
    if (list.neverIndexed?.includes(i)) never.push(fields.length);
    fields.push(list.fields[i] as string, list.fields[i + 1] as string);
  }
  fields.push(PREVIOUS_ATTEMPTS, String(attempts));
  return new HeaderList(fields, never.length > 0 ? never : null);
}
