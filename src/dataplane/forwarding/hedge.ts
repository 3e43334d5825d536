import { ERROR } from '../../http2/frame/codes.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import type { UpstreamResult } from '../../model/counters.ts';
import type { RequestTrace } from '../observe/request_trace.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Verdict } from '../upstream/passive_health.ts';
import type { UpstreamConnection, UpstreamHandler } from '../upstream/upstream_connection.ts';
import { type Attempt, recordAttempt } from './record.ts';
import type { RequestBody } from './request_body.ts';

/** The request that a further attempt is made for. */
export interface HedgedRequest {
  readonly down: Stream;
  /** The first response headers of this attempt: it is to be adopted, or ended. */
  hedgeResponded(hedge: Hedge, list: HeaderList, head: MessageHead, endStream: boolean): void;
  /** It failed before it had any. */
  hedgeFailed(hedge: Hedge): void;
  readonly trace: RequestTrace | null;
  now(): number;
}

/**
 * A further attempt of a request whose first one takes long (gRFC A6): the same request on another instance, until response headers
 * come; then the request adopts its stream, or ends it. Only made once the whole request has arrived.
 */
export class Hedge implements UpstreamHandler, Attempt {
  readonly endpoint: Endpoint;
  readonly stream: Stream;
  readonly sentAt: number;
  answeredAt = 0;
  readonly #request: HedgedRequest;

  constructor(
    request: HedgedRequest,
    endpoint: Endpoint,
    connection: UpstreamConnection,
    headers: HeaderList,
    body: RequestBody,
    isHead: boolean,
  ) {
    this.#request = request;
    this.endpoint = endpoint;
    this.sentAt = request.now();
    endpoint.requestStarted();
    this.stream = connection.http2.open(headers, body.empty, isHead, this);
    body.send(this.stream, request.down);
  }

  get trace(): RequestTrace | null {
    return this.#request.trace;
  }

  /** Another attempt was faster, or the request is over. */
  cancel(): void {
    this.stream.connection.reset(this.stream, ERROR.CANCEL);
    this.end('canceled', 'unknown');
  }

  /** Counts how it ended. */
  end(result: UpstreamResult, verdict: Verdict): void {
    this.answeredAt = this.#request.now();
    recordAttempt(this, result, verdict);
  }

  onInformational(): void {}

  onResponse(_stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    this.#request.hedgeResponded(this, list, head, endStream);
  }

  onResponseData(stream: Stream, _buf: Buffer, start: number, end: number): void {
    stream.connection.credit(stream, end - start);
  }

  onResponseTrailers(): void {}

  onUpstreamReset(stream: Stream, _code: number, _byPeer: boolean, unprocessed: boolean, lost: boolean): void {
    const seen = !unprocessed && stream.connection.wasSent(stream);
    this.end(lost ? 'closed' : 'reset', seen ? 'failed' : 'unknown');
    this.#request.hedgeFailed(this);
  }
}
