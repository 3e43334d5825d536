import { encodeMessage } from '../../grpc/message.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { add, THREAD } from '../../model/counters.ts';
import type { RequestView } from '../routing/request_view.ts';
import type { ForwardingContext } from './context.ts';
import { type LocalReply, localReply } from './local_reply.ts';

/** Answers a request that no service was found for. */
export function answerUnrouted(
  down: Stream,
  view: RequestView,
  requestEnded: boolean,
  context: ForwardingContext,
): void {
  add(context.threadBlock, THREAD.UNROUTED, 1);
  sendReply(down, localReply('no_route', describeNoRoute(view), view.isGrpc, view.isHead), requestEnded);
}

/** Sends an answer of the sidecar's own on a stream that has had no response headers. */
export function sendReply(down: Stream, { headers, body }: LocalReply, requestEnded: boolean): void {
  const connection = down.connection;
  connection.headers(down, headers, body === null);
  if (body !== null) connection.data(down, body, 0, body.length, true, null);
  if (!requestEnded) connection.stopReceiving(down);
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
