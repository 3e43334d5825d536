import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { RequestRules } from '../../model/resilience.ts';
import type { RequestView } from '../routing/request_view.ts';

/** A timeout below this is one that has passed, as grpc-go says it with `0n` or `1n`; in milliseconds. */
export const EXPIRED = 0.001;
/** A client that cancels when this much of its time is left, or less, does so because of its deadline; of 1, and in milliseconds. */
const AT_DEADLINE_SHARE = 0.05;
const AT_DEADLINE_MS = 20;

/** The shortest of what the client, the service and its retry policy allow, in milliseconds; null: none of them says anything. */
export function timeLimit(rules: RequestRules, client: number | null): number | null {
  let limit = client;
  const { timeout, retry } = rules;
  if (timeout !== null && (limit === null || timeout < limit)) limit = timeout;
  const forAll = retry === null ? null : retry.timeout;
  return forAll !== null && (limit === null || forAll < limit) ? forAll : limit;
}

/** Who set the limit that `timeLimit` gave. */
export function whoseLimit(limit: number | null, rules: RequestRules, client: number | null): TimeLimitOf {
  if (limit === client) return 'client';
  return limit === rules.timeout ? 'service' : 'retry';
}

export type TimeLimitOf = 'client' | 'service' | 'retry';

/** The headers as they came, with what is left of `limit` after `spent` milliseconds (gRPC over HTTP/2: a proxy may shorten a timeout). */
export function headersWithin(view: RequestView, limit: number | null, spent: number): HeaderList {
  if (limit === null || !view.isGrpc) return view.forward;
  // Less than a millisecond is not worth a header block that was never sent before.
  if (spent < 1) return limit === view.timeout ? view.forward : view.forwardWithin(limit);
  return view.forwardWithin(Math.max(0, limit - spent));
}

/** Whether a client that cancels `left` milliseconds before the end of its `limit` does so because of it: its clock may be a moment ahead. */
export function isAtDeadline(limit: number, left: number): boolean {
  return left <= Math.max(AT_DEADLINE_MS, limit * AT_DEADLINE_SHARE);
}
