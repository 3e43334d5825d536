import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ExecutionContext } from 'ava';

/** A real HTTP/1.1 server, as a service's instance. */
export interface Http1Instance {
  readonly address: string;
  readonly server: Server;
  /** Requests so far, in order. */
  readonly requests: readonly IncomingMessage[];
  /** Connections that are open now; what the sidecar only tried is closed again. */
  readonly sockets: ReadonlySet<Socket>;
  /** Connections that have carried a request. */
  readonly used: ReadonlySet<Socket>;
  /** Goes away at once, with all its connections. */
  die(): void;
}

export type Answer = (req: IncomingMessage, res: ServerResponse) => void;

/** Answers with what it got: method, target and body. */
export const echo: Answer = (req, res) => {
  const pieces: Buffer[] = [];
  req.on('data', (piece: Buffer) => pieces.push(piece));
  req.on('end', () => {
    res.writeHead(200, { 'content-type': 'text/plain', 'x-method': req.method ?? '' });
    res.end(`${req.method} ${req.url} ${Buffer.concat(pieces).toString('latin1')}`);
  });
};

/** Starts an instance that answers as the test says; it goes with the test. */
export async function startHttp1Instance(
  t: ExecutionContext<unknown>,
  answer: Answer = echo,
  options: ServerOptions & { readonly listen?: { port: number } | { path: string } } = {},
): Promise<Http1Instance> {
  const { listen = { port: 0 }, ...rest } = options;
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const used = new Set<Socket>();
  const handle: Answer = (req, res) => {
    requests.push(req);
    used.add(req.socket);
    req.on('error', () => {});
    res.on('error', () => {});
    answer(req, res);
  };
  const server = createServer(rest, handle);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  const die = (): void => {
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
  };
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen('port' in listen ? { ...listen, host: '127.0.0.1' } : listen);
  await once(server, 'listening');
  const bound = server.address() as AddressInfo | string;
  const address = typeof bound === 'string' ? `unix:${bound}` : `127.0.0.1:${bound.port}`;
  return { address, server, requests, sockets, used, die };
}
