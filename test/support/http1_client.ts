import { type Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { eventually } from './eventually.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly trailers: Record<string, string | undefined>;
  readonly body: Buffer;
  /** The answer was cut off. */
  readonly aborted: boolean;
  readonly informational: readonly number[];
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer | string;
  readonly trailers?: Record<string, string>;
  readonly agent?: Agent;
}

/** Asks a sidecar for something of `host`, as Node's own client does, and resolves with the whole answer. */
export function ask(address: string, host: string, options: Ask = {}): Promise<Reply> {
  const { method = 'GET', path = '/', headers = {}, body, trailers, agent } = options;
  const [, port] = address.split(':');
  const framed = body === undefined || 'transfer-encoding' in headers;
  const length = framed ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const informational: number[] = [];
    const req = request({
      host: '127.0.0.1',
      port: Number(port),
      method,
      path,
      headers: { host, ...length, ...headers },
      ...(agent === undefined ? { agent: false } : { agent }),
    });
    req.on('information', ({ statusCode }) => informational.push(statusCode));
    req.on('error', reject);
    req.on('response', (res) => {
      const pieces: Buffer[] = [];
      res.on('data', (piece: Buffer) => pieces.push(piece));
      res.on('error', () => {});
      res.on('close', () => {
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          trailers: res.trailers,
          body: Buffer.concat(pieces),
          aborted: !res.complete,
          informational,
        });
      });
    });
    if (trailers !== undefined) req.addTrailers(trailers);
    if (body !== undefined) req.write(body);
    req.end();
  });
}

/** A client that sends octets as they are. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  closed = false;

  constructor(t: ExecutionContext<unknown>, address: string) {
    const [host, port] = address.split(':');
    this.socket = address.startsWith('unix:')
      ? connect({ path: address.slice(5) })
      : connect({ host: host as string, port: Number(port) });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (piece: string) => {
      this.text += piece;
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
    });
    t.teardown(() => this.socket.destroy());
  }

  send(text: string | Buffer): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits until what came matches. */
  async until(pattern: RegExp): Promise<string> {
    await eventually(() => {
      if (!pattern.test(this.text)) throw new Error(`no ${pattern} in: ${this.text}`);
    });
    return this.text;
  }

  /** Waits for the end of the connection and gives all that came. */
  async end(): Promise<string> {
    await eventually(() => this.closed);
    return this.text;
  }
}
