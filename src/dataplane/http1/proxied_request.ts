import { EventEmitter } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { type MessageHead, messageHead } from '../../http2/header_rules.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { endToEnd, pairs, requestHeaders, sayable, trailerFields } from './fields.ts';
import { answer, answerText, BadAnswer } from './instance_answer.ts';
import { codeOf, type InstanceLink, type ProxiedStream, requestOptions } from './proxied.ts';
import type { ProxyError, ProxyRequest } from './proxy.ts';
import type { StreamBody } from './stream_body.ts';

/** Methods whose bodies `http2-proxy` throws away. */
const BODY_DISCARDED = new Set(['GET', 'HEAD', 'OPTIONS']);
const NOBODY = {};

/** The body of a request, and what else `http2-proxy` wants of one. */
class RequestBody extends Readable implements ProxyRequest {
  readonly method: string;
  readonly url: string;
  readonly headers = {};
  readonly httpVersion = '2.0';
  /** Only for the `forwarded` header that `http2-proxy` makes and that is not sent. */
  readonly socket = NOBODY;
  aborted = false;
  readonly #stream: Stream;
  #owed = 0;

  constructor(stream: Stream, { method, path }: MessageHead) {
    super();
    this.#stream = stream;
    this.method = method;
    this.url = path;
  }

  /** Credit for what is not wanted yet is owed until it is. */
  receive(octets: Buffer): void {
    if (this.destroyed || this.push(octets)) this.#stream.connection.credit(this.#stream, octets.length);
    else this.#owed += octets.length;
  }

  override _read(): void {
    const owed = this.#owed;
    this.#owed = 0;
    if (owed > 0) this.#stream.connection.credit(this.#stream, owed);
  }
}

/** A request of the core to an instance that speaks HTTP/1.1, through `http2-proxy`. */
export class ProxiedRequest implements ProxiedStream {
  readonly #stream: Stream;
  readonly #list: HeaderList;
  readonly #head: MessageHead;
  readonly #link: InstanceLink;
  readonly #bodied: boolean;
  readonly #req: RequestBody;
  readonly #res = new EventEmitter();
  #request: ClientRequest | null = null;
  #body: StreamBody | null = null;
  #trailers: readonly string[] | null = null;
  #answered = false;

  constructor(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean, link: InstanceLink) {
    this.#stream = stream;
    this.#list = list;
    this.#head = head;
    this.#link = link;
    this.#bodied = !endStream;
    this.#req = new RequestBody(stream, head);
    if (endStream) this.#req.push(null);
  }

  start(): void {
    if (!sayable(this.#list.fields)) return answerText(this.#stream, 400, 'a header that HTTP/1.1 cannot say');
    const options = {
      onReq: () => this.#send(),
      onRes: (_req: unknown, _res: unknown, response: IncomingMessage) => this.#answer(response),
    };
    this.#link.proxy.web(this.#req, this.#res, options).catch((error: ProxyError) => this.#failed(error));
  }

  onData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (end > start) this.#req.receive(buf.subarray(start, end));
    if (endStream) this.#req.push(null);
  }

  onTrailers(list: HeaderList): void {
    const fields = trailerFields(list.fields);
    if (fields !== null && sayable(fields)) this.#trailers = fields;
    this.#req.push(null);
  }

  /** The core does not want the answer any more: the instance sees its connection end. */
  onReset(): void {
    this.#body?.stop();
    this.#req.aborted = true;
    this.#req.emit('aborted');
    this.#req.destroy();
  }

  #send(): ClientRequest {
    const { method, authority } = this.#head;
    const wantsLength = !this.#bodied && !BODY_DISCARDED.has(method) && method !== 'DELETE' && method !== 'TRACE';
    const body = this.#bodied ? 'some' : wantsLength ? 'empty' : 'none';
    const headers = requestHeaders(this.#list.fields, authority, body);
    const request = process
      .getBuiltinModule('node:http')
      .request(requestOptions(this.#link, this.#head, method, headers));
    // `http2-proxy` listens too, but not when the client has gone before it came to that; an error nobody hears ends the thread.
    request.on('error', () => {});
    // As for requests: what is too much is refused, not cut off in silence.
    request.maxHeadersCount = 0;
    this.#request = request;
    request.on('information', ({ statusCode, rawHeaders }) => this.#inform(statusCode, rawHeaders));
    // An instance that switches protocols without being asked: `http2-proxy` would write its answer into ours. Node ends the connection
    // when nobody listens, and says no more than that the request is over.
    request.on('newListener', (event, listener) => {
      if (event === 'upgrade') queueMicrotask(() => request.removeListener('upgrade', listener as () => void));
    });
    request.once('close', () => {
      setImmediate(() => {
        if (!this.#answered) this.#failed(new BadAnswer('neither an answer nor an error'));
      });
    });
    if (!this.#bodied) return request;
    // The instance may answer, or ask for the body, before there is any.
    request.flushHeaders();
    this.#req.once('end', () => {
      const trailers = this.#trailers;
      if (trailers !== null) request.addTrailers(pairs(trailers));
    });
    if (BODY_DISCARDED.has(method)) this.#sendBody(request);
    return request;
  }

  /** In the place of `http2-proxy`, which ends these requests at once. */
  #sendBody(request: ClientRequest): void {
    const end = request.end.bind(request);
    request.end = () => request;
    this.#req.on('data', (chunk: Buffer) => {
      if (!request.write(chunk)) this.#req.pause();
    });
    request.on('drain', () => this.#req.resume());
    this.#req.on('end', () => end());
  }

  #inform(status: number, raw: readonly string[]): void {
    if (this.#answered || status === 101) return;
    const list = new HeaderList([':status', String(status), ...endToEnd(raw)]);
    if (messageHead(list, 'response').error === null) this.#stream.connection.headers(this.#stream, list, false);
  }

  #answer(response: IncomingMessage): void {
    this.#link.sockets.heard(response);
    const sent = (): void => void this.#res.emit('finish');
    this.#body = answer(this.#stream, response, this.#head.method === 'HEAD', this.#link.stalled, sent);
    this.#answered = true;
  }

  #failed(error: ProxyError): void {
    this.#body?.stop();
    this.#request?.destroy();
    if (this.#stream.writable) {
      const code = codeOf(error, this.#head.method, this.#answered, this.#link);
      this.#stream.connection.reset(this.#stream, code);
    }
    this.#req.destroy();
  }
}
