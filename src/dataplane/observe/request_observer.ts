import type { Exchange } from '../forwarding/exchange.ts';
import type { LocalReply } from '../forwarding/local_reply.ts';
import type { RequestView } from '../routing/request_view.ts';
import type { RequestTrace } from './request_trace.ts';

/**
 * Hears of single requests while somebody wants to: for the access log, for those who tap, for traces. Called in the midst of requests: it
 * never throws, and keeps nothing of what it is given.
 */
export interface RequestObserver {
  /** A request has arrived. Gives what its attempts are to be told to; null when it is not traced. */
  traced(view: RequestView): RequestTrace | null;
  /** A request has ended: the last of its answer was handed to the kernel. */
  ended(exchange: Exchange): void;
  /** A request was answered since nothing says which service it is for. */
  unrouted(view: RequestView, reply: LocalReply): void;
}
