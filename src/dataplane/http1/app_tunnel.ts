import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERROR } from '../../http2/frame/codes.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import type { AppStream } from './app_connection.ts';
import type { EngineEnd } from './engine_end.ts';
import { head as headLines, responseHeaders, sayable, valuesOf } from './fields.ts';
import { LINGER } from './limits.ts';
import { lastWords } from './refusal.ts';
import { hasBody } from './request_head.ts';
import { StreamBody } from './stream_body.ts';
import { acceptOf, isWebSocketKey } from './websocket_key.ts';

/** A WebSocket of an app: its handshake in HTTP/1.1, and then its octets both ways, over a stream of HTTP/2 (RFC 8441). */
export class AppTunnel implements AppStream {
  readonly #socket: Duplex;
  readonly #stream: Stream;
  readonly #body: StreamBody;
  readonly #accept: string;
  #begun = false;
  #ended = false;

  /** The handshake of a client (RFC 6455 section 4.1), as far as it concerns whoever switches protocols. */
  static isHandshake(req: IncomingMessage): boolean {
    const keys = valuesOf(req.rawHeaders, 'sec-websocket-key');
    const [key = ''] = keys;
    return (
      req.method === 'GET' &&
      req.httpVersion === '1.1' &&
      keys.length === 1 &&
      isWebSocketKey(key) &&
      !hasBody(req.rawHeaders)
    );
  }

  constructor(req: IncomingMessage, socket: Duplex, end: EngineEnd, list: HeaderList) {
    this.#socket = socket;
    this.#accept = acceptOf(valuesOf(req.rawHeaders, 'sec-websocket-key')[0] as string);
    this.#stream = end.http2.open(list, false, false, this);
    this.#body = new StreamBody(socket, this.#stream, end.stalled, () => null);
  }

  /** The client is gone. */
  cancel(): void {
    this.#body.stop();
    this.#stream.connection.reset(this.#stream, ERROR.CANCEL);
    this.#ended = true;
  }

  onInformational(): void {}

  onResponse(list: HeaderList, { status }: MessageHead, endStream: boolean): void {
    const fields = responseHeaders(list.fields, status, endStream, false);
    if (this.#ended) return;
    if (!sayable(fields)) {
      this.#fail();
      return this.cancel();
    }
    this.#begun = true;
    if (status === 200) {
      const switched = ['upgrade', 'websocket', 'connection', 'Upgrade', 'sec-websocket-accept', this.#accept];
      this.#socket.write(headLines(101, [...switched, ...fields]));
    } else this.#socket.write(headLines(status, [...fields, 'connection', 'close']));
    if (endStream) this.#end();
  }

  onData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    const octets = end - start;
    const credit = (): void => this.#stream.connection.credit(this.#stream, octets);
    if (this.#ended) return credit();
    if (octets > 0) this.#socket.write(buf.subarray(start, end), credit);
    if (endStream) this.#end();
  }

  onTrailers(): void {
    if (!this.#ended) this.#end();
  }

  onReset(): void {
    this.#body.stop();
    if (this.#ended) return;
    if (this.#begun) {
      this.#ended = true;
      this.#socket.destroy();
    } else this.#fail();
  }

  #fail(): void {
    this.#socket.write(lastWords(502, 'the answer to the handshake cannot be passed on'));
    this.#end();
  }

  /** The instance has said all; whoever is left has a moment to read it. */
  #end(): void {
    this.#ended = true;
    this.#body.stop();
    const socket = this.#socket;
    const linger = setTimeout(() => socket.destroy(), LINGER);
    linger.unref();
    socket.once('close', () => clearTimeout(linger));
    socket.end();
  }
}
