import type { WheelEntry } from '../../base/timer_wheel.ts';
import { ERROR } from '../../http2/frame/codes.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import type { UpstreamResult } from '../../model/counters.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Verdict } from '../upstream/passive_health.ts';
import type { UpstreamConnection, UpstreamHandler } from '../upstream/upstream_connection.ts';
import type { ForwardingContext } from './context.ts';
import { type Attempt, recordAttempt } from './record.ts';
import type { RequestBody } from './request_body.ts';

/** How long a copy may take when the request has no timeout of its own, in milliseconds. */
const LONGEST = 15_000;

/**
 * A copy of a request, sent to another version for its own sake: the answer is thrown away, and nothing that happens to it is noticed by
 * the original. Only made of requests that have arrived whole and are small enough to be kept.
 */
export class Mirror implements UpstreamHandler, WheelEntry, Attempt {
  readonly endpoint: Endpoint;
  readonly sentAt: number;
  answeredAt = 0;
  /** The answer is nobody's. */
  readonly trace = null;
  wheelSlot = -1;
  wheelTick = 0;
  wheelPrevious: WheelEntry | null = null;
  wheelNext: WheelEntry | null = null;
  readonly #stream: Stream;
  readonly #context: ForwardingContext;
  readonly #over: () => void;
  #done = false;

  /** `over` is called once, when it has ended. `timeout` in milliseconds. */
  constructor(
    request: {
      readonly headers: HeaderList;
      readonly body: RequestBody;
      readonly isHead: boolean;
      readonly down: Stream;
    },
    endpoint: Endpoint,
    connection: UpstreamConnection,
    timeout: number | null,
    context: ForwardingContext,
    over: () => void,
  ) {
    this.endpoint = endpoint;
    this.#context = context;
    this.#over = over;
    this.sentAt = context.clock.now();
    endpoint.requestStarted();
    const { headers, body, isHead, down } = request;
    this.#stream = connection.http2.open(headers, body.empty, isHead, this);
    body.send(this.#stream, down);
    context.deadlines.schedule(this, this.sentAt + Math.min(timeout ?? LONGEST, LONGEST));
  }

  expired(): void {
    this.#end('deadline', 'unknown');
    this.#stream.connection.reset(this.#stream, ERROR.CANCEL);
  }

  onInformational(): void {}

  onResponse(_stream: Stream, _list: HeaderList, _head: unknown, endStream: boolean): void {
    if (endStream) this.#end('ok', 'well');
  }

  onResponseData(stream: Stream, _buf: Buffer, start: number, end: number, endStream: boolean): void {
    stream.connection.credit(stream, end - start);
    if (endStream) this.#end('ok', 'well');
  }

  onResponseTrailers(): void {
    this.#end('ok', 'well');
  }

  onUpstreamReset(stream: Stream, _code: number, _byPeer: boolean, unprocessed: boolean, lost: boolean): void {
    const seen = !unprocessed && stream.connection.wasSent(stream);
    this.#end(lost ? 'closed' : 'reset', seen ? 'failed' : 'unknown');
  }

  #end(result: UpstreamResult, verdict: Verdict): void {
    if (this.#done) return;
    this.#done = true;
    this.answeredAt = this.#context.clock.now();
    this.#context.deadlines.cancel(this);
    recordAttempt(this, result, verdict);
    this.#over();
  }
}
