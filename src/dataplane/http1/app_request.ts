import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERROR } from '../../http2/frame/codes.ts';
import { type MessageHead, messageHead } from '../../http2/header_rules.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import type { AppStream } from './app_connection.ts';
import type { EngineEnd } from './engine_end.ts';
import { head as headLines, pairs, responseHeaders, sayable, trailerFields, valuesOf } from './fields.ts';
import { DISCARD_TIMEOUT } from './limits.ts';
import { writeRefusal } from './refusal.ts';
import { hasBody } from './request_head.ts';
import { StreamBody } from './stream_body.ts';

const CONTINUE = 100;

/** A request of an app in HTTP/1.1, and its answer, over a stream of HTTP/2. */
export class AppRequest implements AppStream {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #stream: Stream;
  readonly #body: StreamBody | null = null;
  readonly #onDone: () => void;
  readonly #expectsContinue: boolean;
  /** The client reads trailers (RFC 9110 section 6.5.1). */
  readonly #wantsTrailers: boolean;
  #last: boolean;
  #trailers: HeaderList | null = null;
  /** The answer is whole, or will never be. */
  #ended = false;
  #written = false;
  #discard: NodeJS.Timeout | null = null;

  /** `onDone` is called when the answer has been written, or cannot be. `last`: the connection ends with it. */
  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    end: EngineEnd,
    list: HeaderList,
    last: boolean,
    onDone: () => void,
  ) {
    this.#req = req;
    this.#res = res;
    this.#last = last;
    this.#onDone = onDone;
    this.#expectsContinue = valuesOf(req.rawHeaders, 'expect').length > 0;
    this.#wantsTrailers = list.get('te') === 'trailers';
    const bodied = hasBody(req.rawHeaders);
    this.#stream = end.http2.open(list, !bodied, req.method === 'HEAD', this);
    if (bodied) this.#body = new StreamBody(req, this.#stream, end.stalled, () => requestTrailers(req));
    res.once('close', () => this.#onClose());
  }

  /** The rest of the request is still to come. */
  get waitsForBody(): boolean {
    return !this.#req.complete;
  }

  /** The answer has begun. */
  get begun(): boolean {
    return this.#res.headersSent;
  }

  /** The connection is to end with this answer. */
  isLast(): void {
    this.#last = true;
  }

  /** The client is gone, or is not to get an answer. */
  cancel(): void {
    this.#body?.stop();
    if (this.#ended) return;
    this.#ended = true;
    this.#stream.connection.reset(this.#stream, ERROR.CANCEL);
  }

  onInformational(list: HeaderList, { status }: MessageHead): void {
    const res = this.#res;
    if (this.#ended || this.#req.httpVersion !== '1.1') return;
    if (status === CONTINUE) {
      if (this.#expectsContinue) res.writeContinue();
      return;
    }
    const fields = responseHeaders(list.fields, status, false, false);
    if (sayable(fields)) res.socket?.write(headLines(status, fields));
  }

  onResponse(list: HeaderList, { status }: MessageHead, endStream: boolean): void {
    const res = this.#res;
    if (this.#ended) return;
    if (this.#last) res.shouldKeepAlive = false;
    const fields = responseHeaders(list.fields, status, endStream, this.#req.method === 'HEAD');
    if (!sayable(fields)) return this.#fail('the answer has a header that HTTP/1.1 cannot say');
    res.writeHead(status, fields);
    if (endStream) return this.#end();
    // One write for what came together: the frames behind these headers are read in this very turn.
    process.nextTick(() => {
      if (!this.#written && !this.#ended) res.flushHeaders();
    });
  }

  onData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    const octets = end - start;
    const credit = (): void => this.#stream.connection.credit(this.#stream, octets);
    if (this.#ended) return credit();
    if (octets > 0) {
      this.#written = true;
      this.#res.write(buf.subarray(start, end), credit);
    }
    if (endStream) this.#end();
  }

  onTrailers(list: HeaderList): void {
    if (this.#ended) return;
    this.#trailers = list;
    this.#end();
  }

  /** An answer that is cut off must not look whole: to a client of HTTP/1.0, the end of the connection may be the end of the answer. */
  onReset(): void {
    this.#body?.stop();
    if (this.#ended) return;
    if (this.#res.headersSent) {
      this.#ended = true;
      const socket = this.#res.socket;
      if (socket === null) return;
      const overTcp = socket.remoteFamily !== undefined && !('encrypted' in socket);
      if (this.#req.httpVersion === '1.0' && overTcp) socket.resetAndDestroy();
      else socket.destroy();
    } else this.#fail('the answer was cut off before it began');
  }

  #fail(text: string): void {
    this.cancel();
    writeRefusal(this.#res, 502, text);
  }

  #end(): void {
    const res = this.#res;
    this.#ended = true;
    const trailers = this.#trailers;
    if (trailers !== null && this.#wantsTrailers && sayable(trailers.fields)) {
      res.addTrailers(pairs(trailerFields(trailers.fields) ?? []));
    }
    res.end();
    if (this.#req.complete) return;
    // Answered before the request was whole: the stream is reset, which stops the body, and the next request stands behind the rest of it.
    this.#discard = setTimeout(() => this.#req.socket.destroy(), DISCARD_TIMEOUT);
    this.#discard.unref();
    this.#req.once('end', () => this.#stopDiscarding());
  }

  #stopDiscarding(): void {
    if (this.#discard !== null) clearTimeout(this.#discard);
  }

  #onClose(): void {
    if (!this.#res.writableFinished) this.#stopDiscarding();
    this.cancel();
    this.#onDone();
  }
}

function requestTrailers(req: IncomingMessage): HeaderList | null {
  const fields = trailerFields(req.rawTrailers);
  if (fields === null || !sayable(fields)) return null;
  const list = new HeaderList(fields);
  return messageHead(list, 'trailers').error === null ? list : null;
}
