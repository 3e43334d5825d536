import { encodeMessage } from '../../grpc/message.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { add, THREAD } from '../../model/counters.ts';
import type { RequestView } from '../routing/request_view.ts';
import type { ForwardingContext } from './context.ts';
import { localReply, sendReply } from './local_reply.ts';

/** Answers a request that no service was found for. */
export function answerUnrouted(
  down: Stream,
  view: RequestView,
  requestEnded: boolean,
  context: ForwardingContext,
): void {
  add(context.threadBlock, THREAD.UNROUTED, 1);
  const reply = localReply('no_route', describeNoRoute(view), view.isGrpc, view.isHead);
  sendReply(down, reply, requestEnded);
  if (context.observer !== null) context.observer.unrouted(view, reply);
}

function describeNoRoute(view: RequestView): string {
  const asked =
    view.explicitService === null
      ? `authority "${view.head.authority}"`
      : `x-outrigger-service "${view.explicitService}"`;
  const how = 'name a service in :authority or in the header x-outrigger-service, add a route, or set default_service';
  return `no service for ${clip(view.head.path)} at ${encodeMessage(clip(asked))}: ${how}`;
}

/** What a client sent may be as long as its headers may be; a message should not. */
function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
