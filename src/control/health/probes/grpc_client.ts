import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { ERROR } from '../../../http2/frame/codes.ts';
import { authorityOf, connectHttp2, type ProbeRoute } from './connect.ts';
import { GrpcCall } from './grpc_call.ts';
import { connectionFailure } from './reasons.ts';

/** How a call ended. */
export type CallEnd =
  /** A `ServingStatus` by its name: `SERVING`, `NOT_SERVING`, ... */
  | { readonly kind: 'answer'; readonly serving: string }
  /** Without one. */
  | { readonly kind: 'status'; readonly status: number; readonly message: string }
  /** The connection ended; `reason` says why. */
  | { readonly kind: 'lost'; readonly reason: string };

/** The messages of grpc.health.v1 in octets. */
export interface HealthMessages {
  request(service: string): Buffer;
  /** The name of the `ServingStatus`. Throws for what is no message. */
  reply(octets: Buffer): string;
}

let loading: Promise<HealthMessages> | null = null;

/** Their library costs megabytes: only those pay who check this way. */
export function loadHealthMessages(): Promise<HealthMessages> {
  loading ??= import('grpc-health-check').then(({ service }) => {
    const { requestSerialize, responseDeserialize } = service.Check as unknown as {
      requestSerialize(message: { service: string }): Buffer;
      responseDeserialize(octets: Buffer): { status: string };
    };
    return {
      request: (name) => requestSerialize({ service: name }),
      reply: (octets) => responseDeserialize(octets).status,
    };
  });
  return loading;
}

/**
 * A connection to the health service of one instance, by `node:http2`: that takes 41 KB, a channel of grpc-js 118, which counts with a
 * thousand of them; and an instance that is known by its address gets no server name (RFC 6066 section 3).
 */
export class HealthClient {
  readonly #messages: HealthMessages;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  #reason: string | null = null;
  #watch: ClientHttp2Stream | null = null;

  /** Throws for what can be no address, and where certificates are missing. */
  constructor(messages: HealthMessages, route: ProbeRoute) {
    const { connect } = process.getBuiltinModule('node:http2');
    this.#messages = messages;
    const scheme = route.secure === null ? 'http' : 'https';
    const authority = new URL(`${scheme}://${authorityOf(route.target)}`);
    const socket = connectHttp2(route);
    this.#socket = socket;
    const failed = (error: Error): void => {
      this.#reason ??= connectionFailure(error);
    };
    socket.on('error', failed);
    const session = connect(authority, {
      createConnection: () => socket,
      settings: { enablePush: false },
      // In megabytes, and the least there is.
      maxSessionMemory: 1,
    });
    session.on('error', failed);
    session.on('goaway', () => {
      this.#reason ??= 'it is going away';
      // A server that drains waits for its streams, and this one would never end.
      this.#watch?.close(ERROR.CANCEL);
      session.close();
    });
    this.#session = session;
  }

  /** Calls can be made. */
  get usable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  /** There is room for a stream that stays, beside those of looks (RFC 9113 section 6.5.2). */
  get roomToWatch(): boolean {
    return this.usable && this.#session.remoteSettings.maxConcurrentStreams !== 1;
  }

  /** A `Watch` is under way. */
  get watching(): boolean {
    return this.#watch !== null;
  }

  /** `ended` is called once. */
  check(service: string, ended: (end: CallEnd) => void): void {
    let serving: string | null = null;
    this.#call('Check', service, {
      message: (name) => {
        serving = name;
      },
      ended: (end) =>
        ended(end.kind === 'status' && end.status === 0 && serving !== null ? { kind: 'answer', serving } : end),
    });
  }

  /** `told` is called with the status at first, and with each that it changes to, until `ended` is. */
  watch(service: string, told: (serving: string) => void, ended: (end: CallEnd) => void): void {
    this.#watch = this.#call('Watch', service, {
      message: told,
      ended: (end) => {
        this.#watch = null;
        ended(end);
      },
    });
  }

  /** Ends the connection and all calls. `reason` is what those hear that are under way. */
  close(reason: string): void {
    this.#reason ??= reason;
    this.#session.destroy();
    // A session that was told to go waits for the other side to close.
    this.#socket.destroy();
  }

  #call(
    method: 'Check' | 'Watch',
    service: string,
    { message, ended }: { message(name: string): void; ended(end: CallEnd): void },
  ): ClientHttp2Stream | null {
    const lost = (): CallEnd => ({ kind: 'lost', reason: this.#reason ?? 'it closed the connection' });
    if (!this.usable) {
      ended(lost());
      return null;
    }
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/grpc.health.v1.Health/${method}`,
      'content-type': 'application/grpc',
      'user-agent': 'outrigger-health',
      te: 'trailers',
    });
    const call = new GrpcCall(stream, {
      message: (octets) => message(this.#messages.reply(octets)),
      lost: () => this.#session.destroyed,
      ended: (status) => ended(status === null ? lost() : { kind: 'status', ...status }),
    });
    call.send(this.#messages.request(service));
    return stream;
  }
}
