import type { EventEmitter } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** What `http2-proxy` reads of a request, whatever it is made of. */
export interface ProxyRequest extends EventEmitter {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly httpVersion: string;
  readonly socket: object;
  readonly aborted: boolean;
}

/** What of its options is used: both hooks, so that it never takes a connection of its own, nor writes headers. */
export interface ProxyOptions {
  /** Makes the request that goes to the instance. */
  onReq(): ClientRequest;
  /** Answers; not called when the instance switches protocols. */
  onRes(req: unknown, res: unknown, response: IncomingMessage): void;
}

/** How an exchange with an instance failed. */
export interface ProxyError extends NodeJS.ErrnoException {
  /** A connection to the instance was there when it failed. */
  readonly connectedSocket?: boolean;
  /** It had served a request before. */
  readonly reusedSocket?: boolean;
}

/** The two functions of `http2-proxy`. They settle when the exchange is over; errors are `ProxyError`s. */
export interface Http2Proxy {
  web(req: ProxyRequest, res: EventEmitter, options: ProxyOptions): Promise<void>;
  ws(req: ProxyRequest, socket: Duplex, head: Buffer, options: ProxyOptions): Promise<void>;
}

let loading: Promise<Http2Proxy> | null = null;

/** Loaded when the first instance that speaks HTTP/1.1 is dialed. */
export function loadProxy(): Promise<Http2Proxy> {
  loading ??= import('http2-proxy').then(({ default: proxy }) => proxy as unknown as Http2Proxy);
  return loading;
}
