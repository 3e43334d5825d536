import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { KubernetesOptions } from '../../../src/config/kubernetes_options.ts';
import { openKubernetesRegistry } from '../../../src/control/registries/kubernetes/registry.ts';
import { KUBERNETES_TIMING, type KubernetesTiming } from '../../../src/control/registries/kubernetes/timing.ts';
import type { Registry } from '../../../src/control/registries/registry.ts';
import { Authority, pemOf } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { countingClock } from '../../support/handles.ts';
import { type KubernetesApi, startKubernetesApi } from '../../support/kubernetes_api.ts';
import type { SliceSpec } from '../../support/kubernetes_slice.ts';
import { type RecordingListener, recordingListener } from '../../support/recording_listener.ts';
import { serialTestWith } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

const testWithOpenssl = serialTestWith('openssl');

let world: { readonly ca: string; readonly server: { cert: string; key: string } } | null = null;

interface World {
  readonly api: KubernetesApi;
  readonly registry: Registry;
  /** The token file that the registry reads. */
  readonly tokenFile: string;
  follow(path: string): RecordingListener;
}

interface Settings extends Partial<Omit<KubernetesOptions, 'type'>> {
  readonly timing?: Partial<KubernetesTiming>;
  /** Finds address, token and certificates as a pod does. */
  readonly inPod?: boolean;
}

async function setUp(t: ExecutionContext, settings: Settings = {}): Promise<World> {
  if (world === null) {
    const authority = new Authority();
    world = { ca: authority.ca, server: pemOf(authority.issue()) };
  }
  const { timing = {}, inPod = false, ...options } = settings;
  const api = await startKubernetesApi(world.server);
  const directory = temporaryDirectory();
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, 'first\n');
  const clock = countingClock();
  const explicit = { address: api.address, tokenFile, tls: { ca: world.ca }, namespace: 'shop' };
  let env: Record<string, string> = {};
  if (inPod) {
    env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) };
    writeFileSync(join(directory, 'namespace'), 'shop');
    copyFileSync(world.ca, join(directory, 'ca.crt'));
  }
  const registry = openKubernetesRegistry(
    'cluster',
    { type: 'kubernetes', versionLabel: 'version', ...(inPod ? {} : explicit), ...options },
    clock,
    { ...KUBERNETES_TIMING, ...timing },
    { env, serviceAccount: directory },
  );
  t.teardown(async () => {
    await registry.close();
    await api.stop();
    if (clock.pending > 0) throw new Error(`${clock.pending} timers are left`);
  });
  const follow = (path: string): RecordingListener => {
    const listener = recordingListener();
    registry.watch({ service: 'book', path, format: 'auto' }, listener);
    return listener;
  };
  return { api, registry, tokenFile, follow };
}

const BOOK: SliceSpec = {
  name: 'book-1',
  labels: { version: 'v1' },
  endpoints: [
    { address: '10.0.0.1', pod: 'book-a', zone: 'z1', node: 'n1' },
    { address: '10.0.0.2', pod: 'book-b', zone: 'z2' },
  ],
};

const shows = (listener: RecordingListener, ...addresses: string[]): Promise<true> =>
  eventually(() => {
    const found = listener.addresses()?.join();
    if (listener.last === 'set' && found === addresses.join()) return true;
    throw new Error(`expected ${addresses.join()}, found ${listener.last} ${found} ${listener.errors.at(-1)?.message}`);
  });

const count = (api: KubernetesApi, verb: 'list' | 'watch'): number =>
  api.requests.filter((request) => request.verb === verb).length;

testWithOpenssl('an endpoint becomes an instance with its pod, node, zone and the version of its slice', async (t) => {
  const { api, follow } = await setUp(t);
  api.put(BOOK);
  const listener = follow('book');
  await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051');
  t.deepEqual(listener.answers.at(-1)?.instances[0], {
    id: 'book-a',
    address: '10.0.0.1:50051',
    version: 'v1',
    weight: 1,
    zone: 'z1',
    metadata: { namespace: 'shop', service: 'book', pod: 'book-a', node: 'n1' },
  });
});

testWithOpenssl('in a pod, address, token, authority and namespace are those of the service account', async (t) => {
  const { api, follow } = await setUp(t, { inPod: true });
  api.put(BOOK);
  await shows(follow('book:grpc'), '10.0.0.1:50051', '10.0.0.2:50051');
  t.is(api.requests[0]?.token, 'first');
});

testWithOpenssl('outside of a pod and without an address, an error says what to write', async (t) => {
  const { registry } = await setUp(t, { address: undefined });
  const listener = recordingListener();
  registry.watch({ service: 'book', path: 'book', format: 'auto' }, listener);
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'kubernetes_config');
  t.regex(error.message, /^registry "cluster" \(kubernetes at an unknown address\): .*KUBERNETES_SERVICE_HOST/);
  t.regex(error.hint ?? '', /`address`/);
});

testWithOpenssl(
  'however many services there are, a namespace has one watch, and it starts where the list ended',
  async (t) => {
    const { api, follow } = await setUp(t);
    api.put(BOOK, { ...BOOK, name: 'user-1', service: 'user' }, { ...BOOK, name: 'far-1', namespace: 'far' });
    const [book, user, nobody, far] = [follow('book'), follow('user'), follow('nobody'), follow('far/book')] as const;
    await Promise.all([book, user, far].map((listener) => shows(listener, '10.0.0.1:50051', '10.0.0.2:50051')));
    await shows(nobody);
    await eventually(() => api.watches === 2);
    t.deepEqual([count(api, 'list'), count(api, 'watch')], [2, 2]);
    t.is(api.requests.find(({ verb }) => verb === 'watch')?.query.resourceVersion, '103');
    t.is(api.requests.find(({ verb }) => verb === 'watch')?.query.allowWatchBookmarks, 'true');
    const told = user.answers.length;
    api.put({ ...BOOK, endpoints: [{ address: '10.0.0.3' }] });
    await shows(book, '10.0.0.3:50051');
    t.is(user.answers.length, told, 'a change of another service');
    t.is(count(api, 'list'), 2);
  },
);

testWithOpenssl('a namespace that nobody asks for any more is not watched any more', async (t) => {
  const { api, registry } = await setUp(t);
  const listener = recordingListener();
  const watch = registry.watch({ service: 'book', path: 'far/book', format: 'auto' }, listener);
  await eventually(() => api.watches === 1);
  await watch.close();
  await eventually(() => api.watches === 0);
  t.pass();
});

testWithOpenssl('the pages of a long list make one set', async (t) => {
  const { api, follow } = await setUp(t);
  const addresses: string[] = [];
  for (let i = 1; i <= 450; i++) {
    const address = `10.1.${i >> 8}.${i & 255}`;
    addresses.push(`${address}:50051`);
    api.put({ name: `book-${1_000 + i}`, endpoints: [{ address }] });
  }
  const first = follow('book');
  await shows(first, ...addresses.sort());
  t.is(first.answers[0]?.instances.length, 450, 'nothing is told of a list that is not whole');
  t.is(count(api, 'list'), 3);
});

testWithOpenssl('history that is thrown away between two pages begins the list again', async (t) => {
  const { api, follow } = await setUp(t);
  for (let i = 1; i <= 250; i++) api.put({ name: `book-${i}`, endpoints: [{ address: `10.1.0.${i}` }] });
  api.delay = 30;
  const listener = follow('book');
  await eventually(() => count(api, 'list') === 1);
  api.put({ ...BOOK, name: 'book-new', endpoints: [{ address: '10.2.0.1' }] });
  api.compact();
  await eventually(() => listener.last === 'set');
  t.is(listener.answers[0]?.instances.length, 251);
  t.deepEqual(listener.errors, []);
  t.true(api.requests.some(({ verb, status }) => verb === 'list' && status === 410));
});

for (const how of ['status', 'event'] as const) {
  testWithOpenssl(`410 Gone as ${how} is no error: listed again and compared, never an empty set`, async (t) => {
    const { api, follow } = await setUp(t);
    api.goneAs = how;
    api.put(BOOK, { ...BOOK, name: 'book-2', endpoints: [{ address: '10.0.0.9' }] });
    const listener = follow('book');
    await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051', '10.0.0.9:50051');
    await eventually(() => api.watches === 1);
    // What happens while no watch is open, and before history begins, only a list can tell.
    api.away();
    api.delete('book-2');
    api.put({ ...BOOK, name: 'book-3', endpoints: [{ address: '10.0.0.7' }] });
    api.compact();
    api.put({ ...BOOK, name: 'other', service: 'other' });
    api.back();
    await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051', '10.0.0.7:50051');
    t.true(api.requests.some(({ verb, status }) => verb === 'watch' && status === 410));
    t.is(count(api, 'list'), 2);
    t.true(listener.answers.every(({ instances }) => instances.length >= 2));
    t.false(listener.errors.some(({ message }) => message.includes('410')));
  });
}

testWithOpenssl('a watch that ends goes on from the last bookmark, without a list', async (t) => {
  const { api, follow } = await setUp(t);
  api.put(BOOK);
  const listener = follow('book');
  await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051');
  await eventually(() => api.watches === 1);
  // Only the bookmark tells the position: none of these changes is in this namespace.
  for (let i = 0; i < 5; i++) api.put({ ...BOOK, namespace: 'far' });
  api.bookmark();
  api.compact();
  // The end of the answer comes after the bookmark on the same connection.
  api.endWatches();
  await eventually(() => api.watches === 1 && count(api, 'watch') === 2);
  api.put({ ...BOOK, endpoints: [{ address: '10.0.0.3' }] });
  await shows(listener, '10.0.0.3:50051');
  t.is(count(api, 'list'), 1);
  t.is(api.requests.at(-1)?.query.resourceVersion, '106');
  t.deepEqual(listener.errors, []);
});

testWithOpenssl('a connection that is cut costs no error and no list, and nothing is missed', async (t) => {
  const { api, follow } = await setUp(t);
  api.put(BOOK);
  const listener = follow('book');
  await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051');
  await eventually(() => api.watches === 1);
  api.cut();
  api.put({ ...BOOK, endpoints: [{ address: '10.0.0.3' }] });
  await shows(listener, '10.0.0.3:50051');
  t.is(count(api, 'list'), 1);
  t.deepEqual(listener.errors, []);
});

testWithOpenssl('an API server that freezes is noticed by its silence, and the set kept', async (t) => {
  const { api, follow } = await setUp(t, { timing: { silence: 150, request: 300 } });
  api.put(BOOK);
  const listener = follow('book');
  await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051');
  // Silence alone is no error: the watch is opened anew, and nothing is told.
  await eventually(() => count(api, 'watch') >= 3);
  t.deepEqual(listener.errors, []);
  api.freeze();
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'kubernetes_timeout');
  t.is(listener.addresses()?.length, 2);
  api.back();
  api.put({ ...BOOK, endpoints: [{ address: '10.0.0.3' }] });
  await shows(listener, '10.0.0.3:50051');
});

testWithOpenssl('a token that was replaced is read again, and the old one is shown no more', async (t) => {
  const { api, follow, tokenFile } = await setUp(t);
  api.put(BOOK);
  const listener = follow('book');
  await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051');
  await eventually(() => api.watches === 1);
  writeFileSync(tokenFile, 'second');
  api.tokens.clear();
  api.tokens.add('second');
  api.endWatches();
  await eventually(() => api.watches === 1 && count(api, 'watch') === 2);
  t.deepEqual(listener.errors, []);
  t.is(api.requests.at(-1)?.token, 'second');
});

testWithOpenssl('a token that expired is an error with a hint until there is a new one', async (t) => {
  const { api, follow, tokenFile } = await setUp(t);
  api.put(BOOK);
  api.tokens.clear();
  const listener = follow('book');
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'kubernetes_auth');
  t.regex(error.message, /listing endpointslices of shop: HTTP 401: Unauthorized$/);
  t.regex(error.hint ?? '', /token_file/);
  t.notRegex(error.message + error.hint, /first/);
  api.tokens.add('second');
  writeFileSync(tokenFile, 'second');
  await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051');
});

testWithOpenssl('403 gives the lines of RBAC that are missing, and heals when they are there', async (t) => {
  const { api, follow, registry } = await setUp(t);
  api.put(BOOK);
  api.forbidden.add('list');
  const listener = follow('book');
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'kubernetes_permission');
  t.regex(error.message, /User "system:serviceaccount:shop:app" cannot list resource "endpointslices"/);
  t.regex(
    error.hint ?? '',
    /apiGroups: \[discovery.k8s.io\], resources: \[endpointslices\], verbs: \[get, list, watch\]/,
  );
  t.is((await registry.check('book'))?.code, 'kubernetes_permission');
  t.deepEqual(Object.keys(registry.stats.errors), ['kubernetes_permission']);
  api.forbidden.clear();
  await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051');
});

testWithOpenssl('a watch that is refused tells the list, and then why it cannot be kept up to date', async (t) => {
  const { api, follow } = await setUp(t);
  api.put(BOOK);
  api.forbidden.add('watch');
  const listener = follow('book');
  const error = await eventually(() => listener.errors[0] ?? false);
  t.regex(error.message, /watching endpointslices of shop: HTTP 403/);
  t.is(listener.addresses()?.length, 2);
  t.is(listener.answers.length, 1);
});

testWithOpenssl('errors of the server keep the set; one for the namespace, however many services it has', async (t) => {
  const { api, follow, registry } = await setUp(t);
  api.put(BOOK);
  const listeners = [follow('book'), follow('book:grpc'), follow('user')];
  await shows(listeners[0] as RecordingListener, '10.0.0.1:50051', '10.0.0.2:50051');
  await eventually(() => api.watches === 1);
  api.fail = 500;
  api.endWatches();
  await eventually(() => listeners.every(({ last }) => last === 'error'));
  t.is(listeners[0]?.errors[0]?.code, 'kubernetes_unavailable');
  const told = listeners[0]?.errors.length as number;
  t.true((registry.stats.errors.kubernetes_unavailable as number) <= told + 1);
  api.fail = 0;
  await eventually(() => listeners.every(({ last }) => last === 'set'));
  t.is(listeners[0]?.addresses()?.length, 2);
});

testWithOpenssl('a server that the authority did not sign is refused, and the hint says what to check', async (t) => {
  const { api, follow } = await setUp(t, { tls: {} });
  const listener = follow('book');
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'kubernetes_tls');
  t.regex(error.hint ?? '', /`tls.ca`/);
  t.deepEqual(api.requests, []);
});

testWithOpenssl('a check looks into the namespace of the path, up to its {service}', async (t) => {
  const { api, registry } = await setUp(t);
  for (const path of ['', 'far/', 'far/book:grpc', 'book']) t.is(await registry.check(path), null);
  t.deepEqual(
    api.requests.map(({ namespace }) => namespace),
    ['shop', 'far', 'far', 'shop'],
  );
});

testWithOpenssl('the names of the services of its namespace can be asked for', async (t) => {
  const { api, registry } = await setUp(t);
  const user = { ...BOOK, name: 'user-1', service: 'user' };
  api.put(BOOK, { ...BOOK, name: 'book-2' }, user, { ...BOOK, namespace: 'far', service: 'other' });
  t.deepEqual(await registry.names?.(), ['book', 'user']);
  api.forbidden.add('list');
  await t.throwsAsync(async () => registry.names?.(), { code: 'kubernetes_permission' });
});

testWithOpenssl('several services of a path are one: the versions of a canary', async (t) => {
  const { api, follow } = await setUp(t);
  api.put(
    { ...BOOK, name: 'a', service: 'book-v1', endpoints: [{ address: '10.0.0.1' }] },
    { ...BOOK, name: 'b', service: 'book-v2', labels: { version: 'v2' }, endpoints: [{ address: '10.0.0.2' }] },
    { ...BOOK, name: 'c', namespace: 'far', service: 'book', endpoints: [{ address: '10.0.0.3' }] },
  );
  const listener = follow('book-v1, book-v2:grpc, book.far.svc.cluster.local');
  await shows(listener, '10.0.0.1:50051', '10.0.0.2:50051', '10.0.0.3:50051');
  const versions = listener.answers.at(-1)?.instances.map(({ version }) => version);
  t.deepEqual(versions, ['v1', 'v2', 'v1']);
});

testWithOpenssl('a path that is none is one error that says how to write it', async (t) => {
  const { follow } = await setUp(t);
  const listener = follow('/services/book/');
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'kubernetes_path');
  t.regex(error.hint ?? '', /namespace\/service/);
});
