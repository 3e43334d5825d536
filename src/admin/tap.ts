import { requestJson } from '../observe/request_line.ts';
import type { AdminView } from './admin_view.ts';
import { type Answer, RefusedRequest, type StreamClient } from './router.ts';
import { tapFilterOf } from './tap_filter.ts';

/** A comment now and then: connections that are silent are closed, and a client that is gone is noticed. In milliseconds. */
const HEARTBEAT = 15_000;
/** Octets that may wait for a client that is slow: beyond, it misses requests, and is told how many. */
const MOST_WAITING = 256 * 1024;

/**
 * `GET /tap`: requests as they end, as server-sent events: `request` with the request, `missed` with how many were left out since the client
 * reads too slowly. https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function tap(view: AdminView, query: URLSearchParams): Answer {
  const filter = tapFilterOf(query);
  const listener = { told: (_record: Parameters<Parameters<AdminView['tap']>[1]>[0]): void => {} };
  const stop = view.tap(filter, (record) => listener.told(record));
  if (stop === null) {
    const hint = 'end one of the others: a page, or "outrigger tap"';
    throw new RefusedRequest(503, { error: 'too_many_taps', message: 'too many look at requests already', hint });
  }
  return {
    status: 200,
    type: 'text/event-stream',
    body: ': requests follow as they end\n\n',
    stream: (client) => {
      const timer = setInterval(() => {
        if (client.waiting === 0) client.write(': still here\n\n');
      }, HEARTBEAT).unref();
      listener.told = teller(client);
      return () => clearInterval(timer);
    },
    // Also after a HEAD, which has no stream.
    after: stop,
  };
}

function teller(client: StreamClient): Parameters<AdminView['tap']>[1] {
  let missed = 0;
  return (record) => {
    if (client.waiting > MOST_WAITING) {
      missed++;
      return;
    }
    if (missed > 0) client.write(`event: missed\ndata: ${JSON.stringify({ missed })}\n\n`);
    missed = 0;
    client.write(`event: request\ndata: ${JSON.stringify(requestJson(record))}\n\n`);
  };
}
