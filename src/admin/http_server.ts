import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { guardAgainstBrowsers } from './browser_guard.ts';
import { listenFailed, parseListen } from './listen_address.ts';
import { type Answer, dispatch, json, RefusedRequest, type Route } from './router.ts';

// Not `import`: that reads every export of the module, and so loads Node's fetch, crypto and TLS: 9 MB that nothing here needs.
const { createServer } = process.getBuiltinModule('node:http');

export interface HttpServerOptions {
  /** The config key that holds the address: names the server in messages. */
  readonly key: string;
  /** `host:port` (port 0 picks one), `[v6]:port` or `unix:/path`. */
  readonly listen: string;
  /** Another process may listen on the same port; false when left out. */
  readonly reusePort?: boolean | undefined;
  readonly routes: readonly Route[];
  /** Refuse what only a browser that was tricked would send: for servers that change or tell things. */
  readonly guarded: boolean;
  readonly log: Log;
}

export interface HttpServer {
  /** Where it listens, with the port that was picked. */
  readonly address: string;
  /** Stops listening and ends every connection, idle or not. Never rejects. */
  close(): Promise<void>;
}

/** A client gets this long to send a request's headers, then its body; a silent connection is closed. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const SILENT_TIMEOUT_MS = 60_000;
/** Scrapers, probes and people: far fewer than this. Beyond it a connection is closed at once. */
const MAX_CONNECTIONS = 256;
const MAX_BODY_BYTES = 64 * 1024;

/** Starts a server. Rejects with an OutriggerError (`listen_failed`) when it cannot listen. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { key, listen, reusePort = false, log } = options;
  const target = parseListen(listen);
  if (!target) throw listenFailed(key, listen, new Error('not an address'));
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
  });
  server.timeout = SILENT_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request, response) => {
    serve(options, target.host ?? null, request, response).catch((error: unknown) => {
      log.error('could not answer a request', { server: key, error: describeError(error) });
      response.destroy();
    });
  });
  try {
    server.listen({ ...target, reusePort });
    await once(server, 'listening');
  } catch (error) {
    throw listenFailed(key, listen, error);
  }
  server.on('error', (error) => log.error('server failed', { server: key, error: describeError(error) }));
  return { address: addressOf(server), close: () => close(server) };
}

async function serve(
  { key, routes, guarded, log }: HttpServerOptions,
  listenHost: string | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = request.method ?? 'GET';
  const [path = '/', search = ''] = (request.url ?? '/').split(/\?(.*)/s, 2);
  const { headers } = request;
  let answer: Answer;
  try {
    if (guarded) guardAgainstBrowsers({ method, host: headers.host, origin: headers.origin }, listenHost);
    const query = new URLSearchParams(search);
    answer = await dispatch(routes, method, path, { query, headers, body: () => readBody(request) });
  } catch (error) {
    if (!(error instanceof RefusedRequest)) throw error;
    answer = json(error.status, error.problem);
  }
  const { after, stream } = answer;
  if (after) response.once('close', () => void run(after, key, log));
  response.writeHead(answer.status, {
    'content-type': answer.type,
    ...(stream ? {} : { 'content-length': Buffer.byteLength(answer.body) }),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What is left of a body is not worth reading.
    ...(request.complete || method === 'GET' || method === 'HEAD' ? {} : { connection: 'close' }),
    ...answer.headers,
  });
  if (stream === undefined || method === 'HEAD') return void response.end(answer.body);
  response.write(answer.body);
  const left = stream({
    get waiting() {
      return response.writableLength;
    },
    write: (text) => void response.write(text),
    end: () => void response.end(),
  });
  if (response.destroyed) left();
  else response.once('close', left);
}

/** Runs what was asked for once the answer has left: nobody is there any more to be told that it failed. */
async function run(after: () => void | Promise<void>, key: string, log: Log): Promise<void> {
  try {
    await after();
  } catch (error) {
    log.error('could not do what was asked for', { server: key, error: describeError(error) });
  }
}

/** Throws a RefusedRequest when the body is too large. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Left early, the iterator must not end the connection: the answer is still to be sent on it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      const message = `the body is longer than ${MAX_BODY_BYTES} bytes`;
      throw new RefusedRequest(413, { error: 'body_too_large', message });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function addressOf(server: Server): string {
  const address = server.address();
  if (typeof address === 'string') return `unix:${address}`;
  if (!address) return '';
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
