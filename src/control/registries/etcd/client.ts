import { readFile } from 'node:fs/promises';
import type { InterceptingCall, Interceptor } from '@grpc/grpc-js';
import type { IDuplexStream, IOptions, IWatchRequest, IWatchResponse } from 'etcd3';
import { describeError, OutriggerError } from '../../../base/errors.ts';
import type { EtcdOptions, RegistryTls } from '../../../config/registry_options.ts';
import { authDisabled, INVALID_TOKEN, TOKEN_REFUSED, tokenRefused } from './errors.ts';
import { avoidFailed, eachEndpointOnce } from './hosts.ts';
import { rangeOf } from './keys.ts';
import { type EtcdLeases, leaseCalls } from './leases.ts';
import type { KeyValue } from './record_set.ts';
import type { EtcdTiming } from './timing.ts';

/** The raw stream of etcd's Watch call. */
export type WatchCall = IDuplexStream<IWatchRequest, IWatchResponse>;

/** The calls that following a prefix takes. */
export interface EtcdClient {
  /** Everything under a prefix, and the revision at which that was true. Rejects within the timeout. Renews the auth token. */
  list(prefix: string): Promise<{ readonly revision: bigint; readonly records: readonly KeyValue[] }>;
  /** Asks for one key under a prefix, to see whether there is an answer. Rejects and renews as `list` does. */
  probe(prefix: string): Promise<void>;
  /** A raw watch stream; nothing has been asked on it yet. */
  watch(): Promise<WatchCall>;
  /** The calls that keeping a record takes. */
  readonly leases: EtcdLeases;
  /** Cancels the calls that still run and closes the connections. */
  close(): void;
}

/**
 * Connects to etcd through the etcd3 package, which is loaded here: it costs 19 MB, and only those pay who use it.
 * Of that package only the connection pool and the raw calls are used. Tokens are kept here, since it opens a connection for
 * each login that nobody ever closes, and retries and circuit breakers are switched off, since they would fight with ours.
 */
export async function connectEtcd(options: EtcdOptions, timing: EtcdTiming): Promise<EtcdClient> {
  const [{ Etcd3 }, grpc, credentials] = await Promise.all([
    import('etcd3'),
    import('@grpc/grpc-js'),
    options.tls === undefined ? undefined : readCertificates(options.tls),
  ]);

  let token: string | null = null;
  let login: Promise<void> | null = null;
  let closed = false;
  const running = new Set<InterceptingCall>();

  const intercept: Interceptor = (callOptions, next) => {
    const call = new grpc.InterceptingCall(next(callOptions), {
      start(metadata, _listener, start) {
        // Without it a member that lost its leader goes on answering with what it last heard.
        metadata.set('hasleader', 'true');
        // Empty: etcd has no users, and we found out.
        if (token !== null && token !== '') metadata.set('token', token);
        running.add(call);
        start(metadata, {
          onReceiveStatus(status, forward) {
            running.delete(call);
            // By its own words the client library would know it, and ask again and again with the token that was refused.
            const details = status.details.replace(INVALID_TOKEN, TOKEN_REFUSED);
            forward({ ...status, details });
          },
        });
      },
    });
    return call;
  };

  const client = new Etcd3({
    hosts: [...options.endpoints],
    ...(credentials === undefined ? {} : { credentials }),
    defaultCallOptions: ({ isStream }) => ({
      interceptors: [intercept],
      ...(isStream ? {} : { deadline: Date.now() + timing.request }),
    }),
    grpcOptions: {
      // A frozen etcd keeps its sockets open: only unanswered pings tell.
      'grpc.keepalive_time_ms': timing.keepalive,
      'grpc.keepalive_timeout_ms': timing.keepaliveTimeout,
      // A prefix may hold more than gRPC's default of 4 MiB.
      'grpc.max_receive_message_length': -1,
      // gRPC would wait up to two minutes before it dials again.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
      'grpc.service_config_disable_resolution': 1,
      // `http_proxy` in the environment is meant for the way out of the cluster, not for its registry.
      'grpc.enable_http_proxy': 0,
    },
    faultHandling: {
      global: eachEndpointOnce(options.endpoints.length),
      host: avoidFailed(options.endpoints.length, () => performance.now()),
    },
  });

  async function logIn(): Promise<void> {
    const { username: name, password = '' } = options;
    if (name === undefined) return;
    token = null;
    try {
      token = (await client.auth.authenticate({ name, password })).token;
    } catch (error) {
      if (!authDisabled(error)) throw error;
      token = '';
    }
  }

  /** Runs a call with a token; with a fresh one when etcd refuses the one we have. */
  async function authenticated<T>(call: () => Promise<T>): Promise<T> {
    const ready = (): Promise<void> => {
      if (options.username === undefined || token !== null) return Promise.resolve();
      login ??= logIn().finally(() => {
        login = null;
      });
      return login;
    };
    await ready();
    const used = token;
    try {
      return await call();
    } catch (error) {
      if (options.username === undefined || closed || !tokenRefused(error)) throw error;
      if (token === used) token = null;
      await ready();
      return await call();
    }
  }

  return {
    async list(prefix) {
      const { key, end } = rangeOf(prefix);
      const { header, kvs } = await authenticated(() => client.kv.range({ key, range_end: end }));
      const records = kvs.map((kv) => ({
        key: kv.key.toString(),
        value: kv.value.toString(),
        revision: BigInt(kv.mod_revision),
      }));
      return { revision: BigInt(header.revision), records };
    },
    async probe(prefix) {
      const { key, end } = rangeOf(prefix);
      const range = { key, range_end: end, limit: 1, keys_only: true };
      await authenticated(() => client.kv.range(range));
    },
    watch: () => client.watchClient.watch(),
    leases: leaseCalls(client, authenticated, timing.request),
    close() {
      closed = true;
      for (const call of running) call.cancelWithStatus(grpc.status.CANCELLED, 'the registry was closed');
      client.close();
    },
  };
}

async function readCertificates(tls: RegistryTls): Promise<NonNullable<IOptions['credentials']>> {
  const read = async (option: string, path: string | undefined): Promise<Buffer | undefined> => {
    if (path === undefined) return undefined;
    try {
      return await readFile(path);
    } catch (cause) {
      throw new OutriggerError('etcd_tls', `tls.${option}: cannot read ${path}: ${describeError(cause)}`, {
        hint: 'Name a PEM file that this process may read.',
        cause,
      });
    }
  };
  const [ca, cert, key] = await Promise.all([read('ca', tls.ca), read('cert', tls.cert), read('key', tls.key)]);
  return {
    // Undefined means the system's roots, which gRPC allows and the library's types forget.
    rootCertificate: ca as Buffer,
    ...(cert === undefined || key === undefined ? {} : { certChain: cert, privateKey: key }),
  };
}
