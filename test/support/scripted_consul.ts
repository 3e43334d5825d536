import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';

/** A question as it came. */
export interface AskedConsul {
  readonly method: string;
  readonly path: string;
  readonly parameters: URLSearchParams;
  readonly token: string | null;
  /** Performance clock, in milliseconds. */
  readonly at: number;
}

/** What is answered to one question: an answer, nothing at all (`silence`), or half of one. */
export type ConsulScript =
  | 'silence'
  | {
      readonly status?: number;
      /** X-Consul-Index; none for null. */
      readonly index?: number | string | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
      /** The connection ends in the middle of the body. */
      readonly half?: boolean;
    };

/** Not Consul: a server that says what a test tells it to, for what a real one cannot be made to do. */
export interface ScriptedConsul {
  readonly address: string;
  readonly port: number;
  /** Most connections that were open at the same time. */
  mostOpen: number;
  readonly asked: AskedConsul[];
  /** Questions about services alone. */
  readonly questions: AskedConsul[];
  /** Gives the answer to each question from now on; `number` counts the questions about services, from 1. */
  script: (asked: AskedConsul, number: number) => ConsulScript;
  close(): Promise<void>;
}

/** An entry of `/v1/health/service`. */
export function consulEntry(port: number, rest: { service?: object; node?: object; checks?: unknown } = {}): object {
  return {
    Node: { Node: 'n1', Address: '127.0.0.1', Datacenter: 'dc1', ...rest.node },
    Service: {
      ID: `i${port}`,
      Service: 'book',
      Address: '127.0.0.1',
      Port: port,
      Tags: [],
      Meta: {},
      Weights: { Passing: 1, Warning: 1 },
      ModifyIndex: 1,
      ...rest.service,
    },
    Checks: rest.checks ?? [{ CheckID: 'serfHealth', Status: 'passing' }],
  };
}

/** @param tls speak TLS with these */
export async function startScriptedConsul(script: ScriptedConsul['script'], tls?: TlsOptions): Promise<ScriptedConsul> {
  const sockets = new Set<Socket>();
  const listener = (request: IncomingMessage, response: ServerResponse): void => answer(request, response);
  const server = (tls === undefined ? createServer(listener) : createTlsServer(tls, listener)).listen(0, '127.0.0.1');
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    consul.mostOpen = Math.max(consul.mostOpen, sockets.size);
    socket.on('close', () => sockets.delete(socket));
  });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const consul: ScriptedConsul = {
    address: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    mostOpen: 0,
    asked: [],
    questions: [],
    script,
    async close() {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', consul.address);
    const token = request.headers['x-consul-token'];
    const asked: AskedConsul = {
      method: request.method ?? '',
      path: url.pathname,
      parameters: url.searchParams,
      token: typeof token === 'string' ? token : null,
      at: performance.now(),
    };
    consul.asked.push(asked);
    if (url.pathname.startsWith('/v1/health/service/')) consul.questions.push(asked);
    const said = consul.script(asked, consul.questions.length);
    if (said === 'silence') return;
    const { status = 200, index = 1, headers = {}, body = [], half = false } = said;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'x-consul-knownleader': 'true',
      ...(index === null ? {} : { 'x-consul-index': String(index) }),
      ...headers,
    });
    if (!half) {
      response.end(text);
      return;
    }
    response.write(text.slice(0, text.length / 2), () => response.destroy());
  }
  return consul;
}
