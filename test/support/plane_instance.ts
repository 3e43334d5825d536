import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { Connection } from '../../src/http2/connection.ts';
import type { ConnectionOwner } from '../../src/http2/connection_owner.ts';
import { Flusher } from '../../src/http2/flusher.ts';
import { HeaderList } from '../../src/http2/hpack/header_list.ts';
import { DOWNSTREAM_LIMITS, type Limits } from '../../src/http2/limits.ts';
import type { ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import type { Stream } from '../../src/http2/streams/stream.ts';
import { WirePeer } from './wire_peer.ts';

/** Nothing that a test makes its own side send is a flood. */
const LIMITS: Limits = { ...DOWNSTREAM_LIMITS, maxResets: 1e9, maxBufferedHeaders: 2 ** 30 };
const GRPC_OK = new HeaderList([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '0']);

/** A request as an instance sees it, and the ways to answer it. */
export class Received {
  readonly stream: Stream;
  readonly list: HeaderList;
  readonly pieces: Buffer[] = [];
  trailers: HeaderList | null = null;
  ended: boolean;
  /** The code that the sidecar reset the stream with. */
  resetCode: number | null = null;

  constructor(stream: Stream, list: HeaderList, ended: boolean) {
    this.stream = stream;
    this.list = list;
    this.ended = ended;
  }

  get body(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** All values of a header, in order. */
  values(name: string): string[] {
    return this.list.fields.filter((_, at, fields) => at % 2 === 1 && fields[at - 1] === name);
  }

  /** The usual answer: trailers-only, status 0. */
  ok(): void {
    this.stream.connection.headers(this.stream, GRPC_OK, true);
  }

  headers(fields: readonly string[], end = false): void {
    this.stream.connection.headers(this.stream, new HeaderList(fields), end);
  }

  data(octets: Buffer, end = false): void {
    this.stream.connection.data(this.stream, octets, 0, octets.length, end, null);
  }

  end(fields: readonly string[]): void {
    this.stream.connection.trailers(this.stream, new HeaderList(fields));
  }

  reset(code: number): void {
    this.stream.connection.reset(this.stream, code);
  }
}

export interface InstanceOptions {
  /** Called when the headers are here. Without any of the two, a request is answered `ok` when it has ended. */
  readonly begun?: (request: Received) => void;
  /** Called when the request has ended. */
  readonly ended?: (request: Received) => void;
  readonly limits?: Partial<Limits>;
  /** False: what is sent is taken, and never credited. */
  readonly credits?: boolean;
  /** Of the system's choice without it. */
  readonly port?: number;
}

/** A server on the engine, which does with each request what the test says. */
export interface Instance {
  readonly address: string;
  /** All requests so far, in order. */
  readonly requests: readonly Received[];
  /** All connections so far, in order, with their sockets. */
  readonly connections: readonly { readonly http2: Connection; readonly socket: Socket }[];
  /** What the sidecar sent that is no HTTP/2. */
  readonly tokens: readonly ProtocolErrorToken[];
  /** What accepts the connections. */
  readonly server: Server;
}

export async function startInstance(t: ExecutionContext<unknown>, options: InstanceOptions = {}): Promise<Instance> {
  const flusher = new Flusher();
  const requests: Received[] = [];
  const connections: { http2: Connection; socket: Socket }[] = [];
  const tokens: ProtocolErrorToken[] = [];
  const { address, server } = await listen(t, options.port ?? 0, (socket) => {
    const owner = new InstanceOwner(options, requests, tokens);
    connections.push({
      http2: new Connection(socket, 'server', owner, { ...LIMITS, ...options.limits }, flusher),
      socket,
    });
  });
  return { address, requests, connections, tokens, server };
}

/** An instance that does exactly what the test says, frame by frame: a peer for each connection, when it is accepted. */
export async function startRawInstance(
  t: ExecutionContext<unknown>,
  accepted: (peer: WirePeer) => void,
): Promise<string> {
  return (await listen(t, 0, (socket) => accepted(new WirePeer(socket, 'server')))).address;
}

async function listen(
  t: ExecutionContext<unknown>,
  port: number,
  accepted: (socket: Socket) => void,
): Promise<{ address: string; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    accepted(socket);
  });
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

class InstanceOwner implements ConnectionOwner {
  readonly #options: InstanceOptions;
  readonly #requests: Received[];
  readonly #tokens: ProtocolErrorToken[];

  constructor(options: InstanceOptions, requests: Received[], tokens: ProtocolErrorToken[]) {
    this.#options = options;
    this.#requests = requests;
    this.#tokens = tokens;
  }

  onRequest(stream: Stream, list: HeaderList, _head: unknown, end: boolean): void {
    const request = new Received(stream, list, end);
    stream.owner = request;
    this.#requests.push(request);
    this.#options.begun?.(request);
    if (end) this.#ended(request);
  }
  onData(stream: Stream, buf: Buffer, start: number, to: number, end: boolean): void {
    const request = stream.owner as Received;
    request.pieces.push(Buffer.from(buf.subarray(start, to)));
    if (this.#options.credits !== false) stream.connection.credit(stream, to - start);
    if (end) this.#ended(request);
  }
  onTrailers(stream: Stream, list: HeaderList): void {
    const request = stream.owner as Received;
    request.trailers = list;
    this.#ended(request);
  }
  onReset(stream: Stream, code: number): void {
    (stream.owner as Received).resetCode = code;
  }
  onProtocolError(token: ProtocolErrorToken): void {
    this.#tokens.push(token);
  }

  #ended(request: Received): void {
    request.ended = true;
    const { begun, ended } = this.#options;
    if (ended !== undefined) ended(request);
    else if (begun === undefined) request.ok();
  }

  onReady(): void {}
  onInformational(): void {}
  onResponse(): void {}
  onStreamClosed(): void {}
  onGoaway(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
  onClosed(): void {}
}
