import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { Connection } from '../../src/http2/connection.ts';
import type { ConnectionOwner } from '../../src/http2/connection_owner.ts';
import { Flusher } from '../../src/http2/flusher.ts';
import { ERROR } from '../../src/http2/frame/codes.ts';
import type { MessageHead } from '../../src/http2/header_rules.ts';
import { HeaderList } from '../../src/http2/hpack/header_list.ts';
import { type Limits, UPSTREAM_LIMITS } from '../../src/http2/limits.ts';
import type { ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import type { Stream } from '../../src/http2/streams/stream.ts';
import { eventually } from './eventually.ts';
import type { Plane } from './plane.ts';
import { WirePeer } from './wire_peer.ts';

/** Nothing that a test makes its own side send is a flood. */
const LIMITS: Limits = { ...UPSTREAM_LIMITS, maxBufferedHeaders: 2 ** 30, resetBurst: 1e9 };

export interface CallOptions {
  /** Further headers: name, value, ... */
  readonly headers?: readonly string[];
  /** False: plain HTTP/2. */
  readonly grpc?: boolean;
  readonly path?: string;
  /** The whole request; without it, it ends with its headers. `null`: the test sends it. */
  readonly body?: Buffer | null;
}

/** A request that an app made, and what became of it. */
export class Call {
  readonly stream: Stream;
  status = 0;
  /** Of the response's headers and trailers together, so that it does not matter which of them held a field. */
  fields: string[] = [];
  octets = 0;
  /** The answer is over, in whichever way. */
  over = false;
  /** The code that the stream was reset with. */
  resetCode: number | null = null;
  hasTrailers = false;

  constructor(connection: Connection, list: HeaderList, end: boolean) {
    this.stream = connection.open(list, end, false, this);
  }

  field(name: string): string | null {
    return new HeaderList(this.fields).get(name);
  }

  /** `0`, or what the sidecar says of itself: `14 upstream_closed`. */
  get outcome(): string {
    const code = this.field('grpc-status') ?? (this.status === 0 ? `reset ${this.resetCode}` : String(this.status));
    const reason = this.field('x-outrigger-reason');
    return reason === null ? code : `${code} ${reason}`;
  }

  /** The text of an error, as the caller reads it. */
  get message(): string {
    return decodeURIComponent(this.field('grpc-message') ?? '');
  }

  send(octets: Buffer, end = false): void {
    this.stream.connection.data(this.stream, octets, 0, octets.length, end, null);
  }

  end(trailers: readonly string[]): void {
    this.stream.connection.trailers(this.stream, new HeaderList(trailers));
  }

  cancel(): void {
    this.stream.connection.reset(this.stream, ERROR.CANCEL);
  }

  /** Waits for the end of the answer and gives its `outcome`. */
  async ended(): Promise<string> {
    await eventually(() => this.over);
    return this.outcome;
  }
}

/** One connection of an app. */
export class App {
  readonly http2: Connection;
  readonly socket: Socket;
  readonly owner: AppOwner;

  constructor(http2: Connection, socket: Socket, owner: AppOwner) {
    this.http2 = http2;
    this.socket = socket;
    this.owner = owner;
  }

  /** Begins a call to `authority`. */
  call(authority: string, { headers = [], grpc = true, path = '/test.Test/Call', body }: CallOptions = {}): Call {
    const fields = [':method', 'POST', ':scheme', 'http', ':path', path, ':authority', authority];
    if (grpc) fields.push('content-type', 'application/grpc', 'te', 'trailers');
    if (!this.http2.canOpen) throw new Error('the app’s connection takes no more streams');
    const call = new Call(this.http2, new HeaderList([...fields, ...headers]), body === undefined);
    if (body instanceof Buffer) call.send(body, true);
    return call;
  }
}

export interface AppOptions {
  readonly limits?: Partial<Limits>;
  /** False: answers are taken as far as the windows go, and never credited. */
  readonly credits?: boolean;
  /** The address that it connects from. */
  readonly from?: string;
}

/** An app that is connected to the plane; it goes with the test. */
export async function startApp(
  t: ExecutionContext<unknown>,
  plane: Plane,
  { limits = {}, credits = true, from = '127.0.0.1' }: AppOptions = {},
): Promise<App> {
  const socket = dial(t, plane, from);
  const owner = new AppOwner(credits);
  const http2 = new Connection(socket, 'client', owner, { ...LIMITS, ...limits }, new Flusher());
  await eventually(() => owner.ready);
  return new App(http2, socket, owner);
}

/** An app that does exactly what the test says, frame by frame. */
export async function startRawApp(t: ExecutionContext<unknown>, plane: Plane): Promise<WirePeer> {
  const peer = new WirePeer(dial(t, plane), 'client').greet();
  await peer.next('SETTINGS', (frame) => frame.ack);
  return peer;
}

function dial(t: ExecutionContext<unknown>, plane: Plane, from = '127.0.0.1'): Socket {
  const [host, port] = plane.address.split(':');
  const socket = connect({ host: host as string, port: Number(port), localAddress: from, noDelay: true });
  t.teardown(() => socket.destroy());
  return socket;
}

class AppOwner implements ConnectionOwner {
  ready = false;
  /** What the sidecar sent that is no HTTP/2. */
  readonly tokens: ProtocolErrorToken[] = [];
  /** The GOAWAYs that came. */
  readonly goaways: { readonly code: number; readonly debug: string }[] = [];
  closedBecause: string | null = null;
  readonly #credits: boolean;

  constructor(credits: boolean) {
    this.#credits = credits;
  }

  onReady(): void {
    this.ready = true;
  }
  onResponse(stream: Stream, list: HeaderList, head: MessageHead): void {
    const call = stream.owner as Call;
    call.status = head.status;
    call.fields.push(...list.fields);
  }
  onData(stream: Stream, _buf: Buffer, start: number, end: number): void {
    (stream.owner as Call).octets += end - start;
    if (this.#credits) stream.connection.credit(stream, end - start);
  }
  onTrailers(stream: Stream, list: HeaderList): void {
    const call = stream.owner as Call;
    call.hasTrailers = true;
    call.fields.push(...list.fields);
  }
  onReset(stream: Stream, code: number): void {
    (stream.owner as Call).resetCode = code;
  }
  onStreamClosed(stream: Stream): void {
    (stream.owner as Call).over = true;
  }
  onGoaway(_lastStreamId: number, code: number, debug: string): void {
    this.goaways.push({ code, debug });
  }
  onProtocolError(token: ProtocolErrorToken): void {
    this.tokens.push(token);
  }
  onClosed(reason: string): void {
    this.closedBecause = reason;
  }

  onRequest(): void {}
  onInformational(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
}
