/**
 * A real gRPC server (grpc-js) for tests, in this process or as one of its own that can be killed:
 *
 *     node test/support/grpc_server.ts --name a --version v1 --port 0 --streams 100
 *
 * It answers with the payload it was sent and with its name and version. Metadata of the request asks for more:
 *
 * | key | effect |
 * |---|---|
 * | `echo-sleep-ms` | waits that long before it answers |
 * | `echo-status`, `echo-message` | ends the call with this status (message percent-encoded), after all answers of a stream |
 * | `echo-headers-first` | sends response headers before a failing status (else it is trailers-only) |
 * | `echo-reply-bytes` | payload of each answer is that many octets, not the request's |
 * | `echo-replies` | answers of a server stream |
 * | `echo-read-ms` | waits that long after each message that it reads |
 * | `echo-id` | the call's fate can be asked for with `Seen` |
 * | `echo-show` | names of request headers, comma-separated: each comes back as response header `shown-NAME` |
 * | `back-*` | comes back in the response headers, all values, in order |
 * | `trail-*` | comes back in the trailers |
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';

const definition = loadSync(new URL('echo.proto', import.meta.url).pathname, { keepCase: true, longs: Number });

/** The service definition that server and clients are made from. */
export const echoService = definition['outrigger.test.Echo'] as unknown as grpc.ServiceDefinition;

export interface EchoRequest {
  readonly payload: Uint8Array;
}

export interface EchoReply {
  readonly payload: Buffer;
  readonly name: string;
  readonly version: string;
  readonly received: number;
}

export interface SeenReply {
  readonly started: number;
  readonly finished: number;
  readonly cancelled: number;
}

export interface GrpcServerOptions {
  readonly name?: string;
  readonly version?: string;
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  /** Where else than at a port of 127.0.0.1 it listens: `unix:/path`. */
  readonly address?: string;
  /** SETTINGS_MAX_CONCURRENT_STREAMS; absent means what grpc-js does. */
  readonly streams?: number | undefined;
  /** Contents of PEM files; it speaks TLS then, and wants a certificate of its clients that `ca` has signed. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly ca?: Buffer };
  /** Asked for each call, with the name of the service that it was sent to: the status that it ends with whatever its metadata says, or null. */
  readonly verdict?: (authority: string) => number | null;
}

export interface GrpcServer {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  /** `127.0.0.1:PORT`, or the `address` that was asked for. */
  readonly address: string;
  /** Calls started so far, `Seen` not counted. */
  calls(): number;
  seen(id: string): SeenReply;
  /** `grpc.health.v1` answers SERVING or NOT_SERVING, for the server and for the service. */
  health(serving: boolean): void;
  /** GOAWAY on every connection there is; calls in flight have so many milliseconds to end, and new connections are welcome. */
  goaway(graceMs: number): void;
  /** GOAWAY on every connection, then waits until the calls in flight are answered. */
  drain(): Promise<void>;
  /** Closes every connection at once. */
  stop(): void;
}

const OPTIONS: grpc.ChannelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
};

/** Starts a server in this process. */
export async function startGrpcServer(options: GrpcServerOptions = {}): Promise<GrpcServer> {
  const name = options.name ?? 'echo';
  const version = options.version ?? 'v1';
  const fates = new Map<string, { started: number; finished: number; cancelled: number }>();
  let calls = 0;

  const fate = (id: string) => {
    const found = fates.get(id) ?? { started: 0, finished: 0, cancelled: 0 };
    fates.set(id, found);
    return found;
  };

  /** What every kind of call does first. */
  const begin = (
    call: grpc.ServerUnaryCall<unknown, unknown> | grpc.ServerDuplexStream<unknown, unknown> | AnyCall,
  ) => {
    calls++;
    const asked = call.metadata;
    const abort = new AbortController();
    const id = text(asked, 'echo-id');
    const all = fate('');
    const own = id === null ? null : fate(id);
    all.started++;
    if (own) own.started++;
    let over = false;
    call.on('cancelled', () => {
      abort.abort();
      if (over) return;
      over = true;
      all.cancelled++;
      if (own) own.cancelled++;
    });
    const back = copy(asked, 'back-');
    for (const key of (text(asked, 'echo-show') ?? '').split(',')) {
      for (const value of key === '' ? [] : asked.get(key)) back.add(`shown-${key}`, value);
    }
    const trailers = copy(asked, 'trail-');
    const status = options.verdict?.(call.getHost()) ?? number(asked, 'echo-status');
    if (status === null || text(asked, 'echo-headers-first') !== null) call.sendMetadata(back);
    return {
      signal: abort.signal,
      sleepMs: number(asked, 'echo-sleep-ms') ?? 0,
      readMs: number(asked, 'echo-read-ms') ?? 0,
      replies: number(asked, 'echo-replies') ?? 1,
      trailers,
      error:
        status === null
          ? null
          : { code: status, details: decodeURIComponent(text(asked, 'echo-message') ?? ''), metadata: trailers },
      reply: (payload: Uint8Array, received: number) => {
        const bytes = number(asked, 'echo-reply-bytes');
        return { payload: bytes === null ? payload : Buffer.alloc(bytes, 7), name, version, received };
      },
      finish: () => {
        if (over) return;
        over = true;
        all.finished++;
        if (own) own.finished++;
      },
    };
  };

  const implementation: grpc.UntypedServiceImplementation = {
    Unary(call: grpc.ServerUnaryCall<EchoRequest, unknown>, callback: grpc.sendUnaryData<unknown>) {
      const asked = begin(call);
      const answer = () => {
        asked.finish();
        if (asked.error) callback(asked.error);
        else callback(null, asked.reply(call.request.payload, call.request.payload.length), asked.trailers);
      };
      if (asked.sleepMs === 0) answer();
      else after(asked.sleepMs, asked.signal, answer);
    },

    ClientStream(call: grpc.ServerReadableStream<EchoRequest, unknown>, callback: grpc.sendUnaryData<unknown>) {
      const asked = begin(call);
      void (async () => {
        let received = 0;
        for await (const message of call as AsyncIterable<EchoRequest>) {
          received += message.payload.length;
          if (asked.readMs > 0) await sleep(asked.readMs, undefined, { signal: asked.signal });
        }
        if (asked.sleepMs > 0) await sleep(asked.sleepMs, undefined, { signal: asked.signal });
        asked.finish();
        if (asked.error) callback(asked.error);
        else callback(null, asked.reply(Buffer.alloc(0), received), asked.trailers);
      })().catch(() => {}); // the call was cancelled: nobody waits for an answer
    },

    ServerStream(call: grpc.ServerWritableStream<EchoRequest, unknown>) {
      const asked = begin(call);
      void (async () => {
        const { payload } = call.request;
        for (let i = 0; i < asked.replies && !asked.signal.aborted; i++) {
          if (asked.sleepMs > 0) await sleep(asked.sleepMs, undefined, { signal: asked.signal });
          if (!call.write(asked.reply(payload, payload.length))) await drained(call, asked.signal);
        }
        if (asked.signal.aborted) return;
        asked.finish();
        if (asked.error) call.emit('error', asked.error);
        else call.end(asked.trailers);
      })().catch(() => {});
    },

    Bidi(call: grpc.ServerDuplexStream<EchoRequest, unknown>) {
      const asked = begin(call);
      void (async () => {
        let received = 0;
        for await (const message of call as AsyncIterable<EchoRequest>) {
          received += message.payload.length;
          if (asked.sleepMs > 0) await sleep(asked.sleepMs, undefined, { signal: asked.signal });
          if (!call.write(asked.reply(message.payload, received))) await drained(call, asked.signal);
        }
        asked.finish();
        if (asked.error) call.emit('error', asked.error);
        else call.end(asked.trailers);
      })().catch(() => {});
    },

    Seen(call: grpc.ServerUnaryCall<{ id: string }, unknown>, callback: grpc.sendUnaryData<unknown>) {
      callback(null, fate(call.request.id));
    },
  };

  const server = new grpc.Server({
    ...OPTIONS,
    ...(options.streams === undefined ? {} : { 'grpc.max_concurrent_streams': options.streams }),
  });
  server.addService(echoService, implementation);
  const health = new HealthImplementation({ '': 'SERVING', 'outrigger.test.Echo': 'SERVING' });
  health.addToServer(server);
  new ReflectionService(definition).addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    const address = options.address ?? `127.0.0.1:${options.port ?? 0}`;
    server.bindAsync(address, credentialsOf(options), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const bound = (options.address ?? '127.0.0.1:0').replace(/:\d+$/, `:${port}`);
  return {
    name,
    version,
    port,
    address: bound,
    calls: () => calls,
    seen: (id) => ({ ...fate(id) }),
    health(serving) {
      for (const service of ['', 'outrigger.test.Echo']) health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
    },
    goaway: (graceMs) => server.drain(bound, graceMs),
    drain: () => new Promise((resolve, reject) => server.tryShutdown((error) => (error ? reject(error) : resolve()))),
    stop: () => server.forceShutdown(),
  };
}

function credentialsOf({ tls }: GrpcServerOptions): grpc.ServerCredentials {
  if (tls === undefined) return grpc.ServerCredentials.createInsecure();
  const { ca = null, cert, key } = tls;
  return grpc.ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null);
}

interface AnyCall {
  readonly metadata: grpc.Metadata;
  sendMetadata(metadata: grpc.Metadata): void;
  getHost(): string;
  on(event: 'cancelled', listener: () => void): unknown;
}

function text(metadata: grpc.Metadata, key: string): string | null {
  const value = metadata.get(key)[0];
  return value === undefined ? null : String(value);
}

function number(metadata: grpc.Metadata, key: string): number | null {
  const value = text(metadata, key);
  return value === null ? null : Number(value);
}

function copy(from: grpc.Metadata, prefix: string): grpc.Metadata {
  const to = new grpc.Metadata();
  for (const key of Object.keys(from.getMap())) {
    if (key.startsWith(prefix)) for (const value of from.get(key)) to.add(key, value);
  }
  return to;
}

function after(ms: number, signal: AbortSignal, task: () => void): void {
  const timer = setTimeout(task, ms);
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/** Waits until a stream takes more, or its call is cancelled. */
function drained(
  stream: { once(event: 'drain', listener: () => void): unknown; off(event: 'drain', listener: () => void): unknown },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    stream.once('drain', done);
    signal.addEventListener('abort', done);
  });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      name: { type: 'string', default: 'echo' },
      version: { type: 'string', default: 'v1' },
      port: { type: 'string', default: '0' },
      streams: { type: 'string' },
    },
  });
  const server = await startGrpcServer({
    name: values.name,
    version: values.version,
    port: Number(values.port),
    streams: values.streams === undefined ? undefined : Number(values.streams),
  });
  process.on('SIGTERM', () => void server.drain().then(() => process.exit(0)));
  // The parent holds stdin open: when the parent is gone, so is this process.
  process.stdin.on('end', () => process.exit(0)).resume();
  console.log(`listening on ${server.address}`);
}
