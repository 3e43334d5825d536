import * as grpc from '@grpc/grpc-js';
import { type EchoReply, echoService, type SeenReply } from './grpc_server.ts';

/** Metadata as pairs: keys may repeat, values of `-bin` keys are buffers. */
export type Pairs = readonly (readonly [string, string | Buffer])[];

export interface CallOptions {
  readonly metadata?: Pairs;
  readonly deadlineMs?: number;
  /** Waits for a connection as long as the deadline lets it (gRPC's wait_for_ready). */
  readonly patient?: boolean;
  /** Called with the call once it is under way, to cancel it or to read from it. */
  readonly onCall?: (call: AnyClientCall) => void;
}

/** What calls of all four kinds have in common. */
export interface AnyClientCall {
  cancel(): void;
  getPeer(): string;
  on(event: string, listener: (value: never) => void): unknown;
}

/** How a call ended. Calls never reject: status 0 is success. */
export interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly replies: readonly EchoReply[];
  readonly headers: grpc.Metadata | null;
  readonly trailers: grpc.Metadata;
}

/** The instances that answered, each once, sorted; `?` for calls that nobody answered. */
export function answeredBy(outcomes: readonly Outcome[]): string[] {
  return [...new Set(outcomes.map((outcome) => outcome.replies[0]?.name ?? '?'))].sort();
}

/** A grpc-js client of the echo service on one channel of its own. */
export interface EchoClient {
  unary(payload: Uint8Array | string, options?: CallOptions): Promise<Outcome>;
  clientStream(payloads: readonly (Uint8Array | string)[], options?: CallOptions): Promise<Outcome>;
  serverStream(payload: Uint8Array | string, options?: CallOptions): Promise<Outcome>;
  bidi(payloads: readonly (Uint8Array | string)[], options?: CallOptions): Promise<Outcome>;
  seen(id: string): Promise<SeenReply>;
  /** The bare client, for tests that drive a stream by hand. */
  readonly raw: EchoStub;
  close(): void;
}

export interface EchoStub extends grpc.Client {
  Unary(
    request: object,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    done: (error: grpc.ServiceError | null, reply?: EchoReply) => void,
  ): grpc.ClientUnaryCall;
  ClientStream(
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    done: (error: grpc.ServiceError | null, reply?: EchoReply) => void,
  ): grpc.ClientWritableStream<object>;
  ServerStream(
    request: object,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
  ): grpc.ClientReadableStream<EchoReply>;
  Bidi(metadata: grpc.Metadata, options: grpc.CallOptions): grpc.ClientDuplexStream<object, EchoReply>;
  Seen(request: object, done: (error: grpc.ServiceError | null, reply: SeenReply) => void): grpc.ClientUnaryCall;
}

const Stub = grpc.makeClientConstructor(echoService, 'Echo') as unknown as new (
  address: string,
  credentials: grpc.ChannelCredentials,
  options: grpc.ClientOptions,
) => EchoStub;

/** Connects to `address`; `authority` is the service's name as the sidecar sees it. */
export function connectEcho(
  address: string,
  authority = 'echo',
  credentials = grpc.credentials.createInsecure(),
  clientOptions: grpc.ClientOptions = {},
): EchoClient {
  const stub = new Stub(address, credentials, {
    'grpc.default_authority': authority,
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    // A test's calls must show what the sidecar does, not what the client mends.
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    ...clientOptions,
  });

  const run = (
    options: CallOptions,
    start: (metadata: grpc.Metadata, callOptions: grpc.CallOptions, replies: EchoReply[]) => unknown,
  ): Promise<Outcome> =>
    new Promise((resolve) => {
      const metadata = new grpc.Metadata({ waitForReady: options.patient ?? false });
      for (const [key, value] of options.metadata ?? []) metadata.add(key, value);
      const replies: EchoReply[] = [];
      let headers: grpc.Metadata | null = null;
      const deadline = options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
      const call = start(metadata, deadline, replies) as AnyClientCall;
      call.on('metadata', (received: grpc.Metadata) => {
        headers = received;
      });
      call.on('error', () => {}); // told by the status as well
      call.on('status', (status: grpc.StatusObject) => {
        resolve({ code: status.code, details: status.details, replies, headers, trailers: status.metadata });
      });
      options.onCall?.(call);
    });

  const send = (call: grpc.ClientWritableStream<object>, payloads: readonly (Uint8Array | string)[]) => {
    for (const payload of payloads) call.write({ payload: Buffer.from(payload) });
    call.end();
  };

  return {
    raw: stub,
    unary: (payload, options = {}) =>
      run(options, (metadata, callOptions, replies) =>
        stub.Unary({ payload: Buffer.from(payload) }, metadata, callOptions, (_error, reply) => {
          if (reply) replies.push(reply);
        }),
      ),
    clientStream: (payloads, options = {}) =>
      run(options, (metadata, callOptions, replies) => {
        const call = stub.ClientStream(metadata, callOptions, (_error, reply) => {
          if (reply) replies.push(reply);
        });
        send(call, payloads);
        return call;
      }),
    serverStream: (payload, options = {}) =>
      run(options, (metadata, callOptions, replies) =>
        stub
          .ServerStream({ payload: Buffer.from(payload) }, metadata, callOptions)
          .on('data', (reply: EchoReply) => replies.push(reply)),
      ),
    bidi: (payloads, options = {}) =>
      run(options, (metadata, callOptions, replies) => {
        const call = stub.Bidi(metadata, callOptions);
        call.on('data', (reply: EchoReply) => replies.push(reply));
        send(call, payloads);
        return call;
      }),
    seen: (id) =>
      new Promise((resolve, reject) => {
        stub.Seen({ id }, (error, reply) => (error ? reject(error) : resolve(reply)));
      }),
    close: () => stub.close(),
  };
}
