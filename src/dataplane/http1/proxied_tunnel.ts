import { EventEmitter } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { type MessageHead, WEBSOCKET } from '../../http2/header_rules.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { listItems, requestHeaders, sayable, valuesOf } from './fields.ts';
import { answer, answerFields, answerText, BadAnswer } from './instance_answer.ts';
import { codeOf, type InstanceLink, type ProxiedStream, requestOptions } from './proxied.ts';
import type { ProxyError, ProxyRequest } from './proxy.ts';
import type { StreamBody } from './stream_body.ts';
import { TunnelEnd } from './tunnel_end.ts';
import { acceptOf, newWebSocketKey } from './websocket_key.ts';

/** Fields that concern one handshake alone: ours has others; and a length, which what follows it has not. */
const HANDSHAKE = ['sec-websocket-key', 'sec-websocket-accept', 'content-length'];

/** What `http2-proxy` reads of the handshake. */
class Handshake extends EventEmitter implements ProxyRequest {
  readonly method = 'GET';
  readonly url: string;
  readonly headers = { upgrade: WEBSOCKET };
  readonly httpVersion = '2.0';
  readonly socket = {};
  aborted = false;

  constructor(path: string) {
    super();
    this.url = path;
  }

  /** There is no body. */
  resume(): void {}
}

/** An extended CONNECT of the core (RFC 8441) as a WebSocket to an instance that speaks HTTP/1.1, through `http2-proxy`. */
export class ProxiedTunnel implements ProxiedStream {
  readonly #stream: Stream;
  readonly #list: HeaderList;
  readonly #head: MessageHead;
  readonly #link: InstanceLink;
  readonly #req: Handshake;
  readonly #end: TunnelEnd;
  readonly #key = newWebSocketKey();
  #request: ClientRequest | null = null;
  #body: StreamBody | null = null;
  #answered = false;

  constructor(stream: Stream, list: HeaderList, head: MessageHead, link: InstanceLink) {
    this.#stream = stream;
    this.#list = list;
    this.#head = head;
    this.#link = link;
    this.#req = new Handshake(head.path);
    this.#end = new TunnelEnd(stream, link.stalled);
    this.#end.on('error', () => {});
  }

  start(): void {
    if (!sayable(this.#list.fields)) return answerText(this.#stream, 400, 'a header that HTTP/1.1 cannot say');
    const options = {
      onReq: () => this.#send(),
      onRes: (_req: unknown, _res: unknown, response: IncomingMessage) => this.#refused(response),
    };
    const { proxy } = this.#link;
    proxy.ws(this.#req, this.#end, Buffer.alloc(0), options).catch((error: ProxyError) => this.#failed(error));
  }

  onData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (end > start) this.#end.receive(buf.subarray(start, end));
    if (endStream) this.#end.push(null);
  }

  onTrailers(): void {
    this.#end.push(null);
  }

  onReset(): void {
    this.#body?.stop();
    this.#req.aborted = true;
    this.#end.destroy();
    this.#request?.destroy();
  }

  #send(): ClientRequest {
    const headers = requestHeaders(without(this.#list.fields, HANDSHAKE), this.#head.authority, 'none');
    headers.splice(headers.lastIndexOf('connection'), 2);
    headers.push('connection', 'Upgrade', 'upgrade', WEBSOCKET, 'sec-websocket-key', this.#key);
    const request = process
      .getBuiltinModule('node:http')
      .request(requestOptions(this.#link, this.#head, 'GET', headers));
    request.maxHeadersCount = 0;
    // `http2-proxy` listens too, but not when the client has gone before it came to that; an error nobody hears ends the thread.
    request.on('error', () => {});
    // Many servers do not serve a connection on which they refused a handshake any further.
    request.shouldKeepAlive = false;
    this.#request = request;
    // Before `http2-proxy` pairs the two.
    request.once('upgrade', (response) => this.#switch(response));
    return request;
  }

  #switch({ rawHeaders }: IncomingMessage): void {
    const [accept, ...more] = valuesOf(rawHeaders, 'sec-websocket-accept');
    const protocols = listItems(valuesOf(rawHeaders, 'upgrade'));
    if (accept !== acceptOf(this.#key) || more.length > 0 || protocols.join() !== WEBSOCKET) {
      return this.#failed(new BadAnswer('no answer to the handshake that was sent'));
    }
    try {
      const list = answerFields(200, rawHeaders);
      const fields = without(list.fields, HANDSHAKE);
      this.#answered = true;
      this.#stream.connection.headers(this.#stream, new HeaderList(fields), false);
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  /** The instance stays with HTTP. An answer that says that all is well would look like a WebSocket (RFC 8441 section 5). */
  #refused(response: IncomingMessage): void {
    const status = response.statusCode ?? 0;
    const done = (): void => void this.#end.destroy();
    if (status >= 300) {
      this.#body = answer(this.#stream, response, false, this.#link.stalled, done);
      this.#answered = true;
      return;
    }
    answerText(this.#stream, 502, `the instance answered ${status} and did not switch to WebSocket`);
    done();
  }

  #failed(error: ProxyError): void {
    // The instance has ended in order, and what it said last is on its way.
    if (this.#end.writableEnded && !this.#end.destroyed) return;
    this.#body?.stop();
    this.#end.destroy();
    this.#request?.destroy();
    if (!this.#stream.writable) return;
    const code = codeOf(error, this.#head.method, this.#answered, this.#link);
    this.#stream.connection.reset(this.#stream, code);
  }
}

function without(fields: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (!names.includes(name)) kept.push(name, fields[i + 1] as string);
  }
  return kept;
}
