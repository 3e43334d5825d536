import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { type ApiObject, endpointSlice, type SliceSpec } from './kubernetes_slice.ts';

/** A request that the server took. */
export interface ApiRequest {
  readonly verb: 'list' | 'watch';
  readonly namespace: string;
  readonly query: Readonly<Record<string, string>>;
  readonly token: string | null;
  readonly status: number;
}

/**
 * The part of a Kubernetes API server that serves EndpointSlices, over TLS: lists in pages that show one moment, watches that
 * start at a resourceVersion, bookmarks, history that is thrown away, tokens and rights.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
export interface KubernetesApi {
  /** `https://127.0.0.1:port` */
  readonly address: string;
  readonly port: number;
  readonly requests: readonly ApiRequest[];
  /** Watches open now. */
  readonly watches: number;
  /** Tokens that it accepts. */
  readonly tokens: Set<string>;
  /** Verbs that nobody may use. */
  readonly forbidden: Set<'list' | 'watch'>;
  /** How it says that history is gone: as the status of the answer, or as an event in it. Both occur. */
  goneAs: 'status' | 'event';
  /** Answers come this much later, in milliseconds. */
  delay: number;
  /** Answers everything with this status instead; 0: no. */
  fail: number;
  put(...specs: readonly SliceSpec[]): void;
  delete(name: string, namespace?: string): void;
  /** Sends a bookmark to every watch that asked for them. */
  bookmark(): void;
  /** Throws away all history up to now. */
  compact(): void;
  /** Ends all watches as their timeout does. */
  endWatches(): void;
  /** Breaks every connection. */
  cut(): void;
  /** Breaks every connection, and each new one. */
  away(): void;
  back(): void;
  /** Takes connections and requests, and says nothing. */
  freeze(): void;
  stop(): Promise<void>;
}

interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly object: ApiObject;
}

interface Watch {
  readonly namespace: string;
  readonly bookmarks: boolean;
  readonly response: ServerResponse;
}

const PATH = /^\/apis\/discovery\.k8s\.io\/v1\/namespaces\/([^/]+)\/endpointslices$/;

/** @param tls what it shows: PEM texts */
export async function startKubernetesApi(tls: { cert: string; key: string }): Promise<KubernetesApi> {
  const objects = new Map<string, ApiObject>();
  /** The moments that lists in pages show, by their `continue` token. */
  const moments = new Map<string, { readonly version: number; readonly rest: readonly ApiObject[] }>();
  const watches = new Set<Watch>();
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const requests: ApiRequest[] = [];
  let history: Change[] = [];
  let version = 100;
  let oldest = 100;
  let state: 'there' | 'away' | 'frozen' = 'there';

  const answer = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const gone = (what: string) => statusOf(410, 'Expired', what);
  const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;

  function list(response: ServerResponse, namespace: string, query: Record<string, string>): number {
    const token = query.continue;
    const moment = token === undefined ? { version, rest: inNamespace(namespace) } : moments.get(token);
    if (moment === undefined || (token !== undefined && moment.version < oldest)) {
      answer(response, 410, gone('The provided continue parameter is too old'));
      return 410;
    }
    const limit = Number(query.limit ?? 0) || moment.rest.length;
    const rest = moment.rest.slice(limit);
    const next = rest.length === 0 ? '' : `c${moments.size + 1}`;
    if (next !== '') moments.set(next, { version: moment.version, rest });
    answer(response, 200, {
      kind: 'EndpointSliceList',
      apiVersion: 'discovery.k8s.io/v1',
      metadata: { resourceVersion: String(moment.version), ...(next === '' ? {} : { continue: next }) },
      items: moment.rest.slice(0, limit),
    });
    return 200;
  }

  const inNamespace = (namespace: string): ApiObject[] =>
    [...objects.values()]
      .filter(({ metadata }) => metadata.namespace === namespace)
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));

  function watch(response: ServerResponse, namespace: string, query: Record<string, string>): number {
    const from = Number(query.resourceVersion);
    if (from > version) {
      answer(response, 504, statusOf(504, 'Timeout', `Too large resource version: ${from}, current: ${version}`));
      return 504;
    }
    if (from < oldest) {
      const status = gone(`too old resource version: ${from} (${oldest})`);
      if (api.goneAs === 'status') answer(response, 410, status);
      else response.writeHead(200, { 'content-type': 'application/json' }).end(line('ERROR', status));
      return 410;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const change of history) {
      if (change.version > from && change.object.metadata.namespace === namespace)
        response.write(line(change.type, change.object));
    }
    const open: Watch = { namespace, bookmarks: query.allowWatchBookmarks === 'true', response };
    watches.add(open);
    const timer = setTimeout(() => response.end(), Number(query.timeoutSeconds ?? 1_800) * 1_000).unref();
    timers.add(timer);
    response.on('close', () => {
      watches.delete(open);
      timers.delete(timer);
      clearTimeout(timer);
    });
    return 200;
  }

  function serve(request: IncomingMessage, response: ServerResponse): void {
    if (state === 'frozen') return;
    const url = new URL(request.url ?? '/', 'https://localhost');
    const query = Object.fromEntries(url.searchParams);
    const namespace = PATH.exec(url.pathname)?.[1];
    if (request.method !== 'GET' || namespace === undefined || query.labelSelector !== 'kubernetes.io/service-name') {
      answer(response, 404, statusOf(404, 'NotFound', 'the server could not find the requested resource'));
      return;
    }
    const verb = query.watch === 'true' ? 'watch' : 'list';
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? null;
    const status =
      refusal(verb, namespace, token, response) ?? (verb === 'list' ? list : watch)(response, namespace, query);
    requests.push({ verb, namespace, query, token, status });
  }

  function refusal(
    verb: 'list' | 'watch',
    namespace: string,
    token: string | null,
    response: ServerResponse,
  ): number | null {
    const refuse = (status: number, reason: string, message: string): number => {
      answer(response, status, statusOf(status, reason, message));
      return status;
    };
    if (api.fail !== 0) return refuse(api.fail, 'InternalError', 'etcdserver: request timed out');
    if (token === null || !api.tokens.has(token)) return refuse(401, 'Unauthorized', 'Unauthorized');
    if (!api.forbidden.has(verb)) return null;
    const who = 'User "system:serviceaccount:shop:app"';
    const what = `cannot ${verb} resource "endpointslices" in API group "discovery.k8s.io" in the namespace "${namespace}"`;
    return refuse(403, 'Forbidden', `endpointslices.discovery.k8s.io is forbidden: ${who} ${what}`);
  }

  function record(type: Change['type'], object: ApiObject): void {
    const change = { type, version, object };
    history.push(change);
    if (state === 'frozen') return;
    for (const { namespace, response } of watches) {
      if (namespace === object.metadata.namespace) response.write(line(type, object));
    }
  }

  const server = createServer(tls, (request, response) => {
    if (api.delay === 0) return serve(request, response);
    const timer = setTimeout(() => {
      timers.delete(timer);
      serve(request, response);
    }, api.delay);
    timers.add(timer);
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    if (state === 'away') socket.destroy();
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };

  const api: KubernetesApi = {
    address: `https://127.0.0.1:${port}`,
    port,
    requests,
    get watches() {
      return watches.size;
    },
    tokens: new Set(['first']),
    forbidden: new Set(),
    goneAs: 'event',
    delay: 0,
    fail: 0,
    put(...specs) {
      for (const spec of specs) {
        version++;
        const { metadata, ...rest } = endpointSlice(spec);
        const object = { metadata: { ...metadata, resourceVersion: String(version) }, ...rest };
        const key = `${metadata.namespace}/${metadata.name}`;
        const type = objects.has(key) ? 'MODIFIED' : 'ADDED';
        objects.set(key, object);
        record(type, object);
      }
    },
    delete(name, namespace = 'shop') {
      const key = `${namespace}/${name}`;
      const object = objects.get(key);
      if (object === undefined) throw new Error(`there is no ${key}`);
      objects.delete(key);
      version++;
      record('DELETED', { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } });
    },
    bookmark() {
      for (const { bookmarks, response } of watches) {
        const object = { kind: 'EndpointSlice', metadata: { resourceVersion: String(version) } };
        if (bookmarks) response.write(line('BOOKMARK', object));
      }
    },
    compact() {
      history = [];
      // What was known at the last change is still a place to watch from; what was known before is not.
      oldest = version;
    },
    endWatches() {
      for (const { response } of watches) response.end();
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    away() {
      state = 'away';
      api.cut();
    },
    back() {
      state = 'there';
    },
    freeze() {
      state = 'frozen';
    },
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      api.away();
      server.close();
      await once(server, 'close');
    },
  };
  return api;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
function statusOf(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}
