import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { EurekaOptions } from '../../../src/config/registry_options.ts';
import { EurekaApplications, readAnswer } from '../../../src/control/registries/eureka/applications.ts';
import { openRegistry } from '../../../src/control/registries/open.ts';
import type { Registry, RegistryQuery } from '../../../src/control/registries/registry.ts';
import { type EurekaServer, type EurekaServerOptions, startEurekaServer } from '../../support/eureka_server.ts';
import { eventually } from '../../support/eventually.ts';
import { type RecordingListener, recordingListener } from '../../support/recording_listener.ts';
import { present } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';
import { startTcpProxy } from '../../support/tcp_proxy.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function start(options: EurekaServerOptions = {}): Promise<EurekaServer> {
  const server = await startEurekaServer(options);
  stoppers.push(() => server.stop());
  return server;
}

async function open(urls: readonly string[], options: Partial<EurekaOptions> = {}): Promise<Registry> {
  const registry = await openRegistry('main', {
    type: 'eureka',
    urls,
    interval: 30,
    timeout: 5_000,
    address: 'host',
    port: 'auto',
    ...options,
  });
  stoppers.push(() => registry.close());
  return registry;
}

function follow(registry: Registry, query: Partial<RegistryQuery> = {}): RecordingListener {
  const listener = recordingListener();
  registry.watch({ service: 'book', path: '/services/book/', format: 'auto', ...query }, listener);
  return listener;
}

const shows = (listener: RecordingListener, ...expected: readonly string[]): Promise<unknown> =>
  eventually(() => {
    const found = listener.addresses()?.join();
    if (listener.last === 'set' && found === [...expected].sort().join()) return true;
    throw new Error(`last ${listener.last}, set ${found}, error ${listener.errors.at(-1)?.message}`);
  });

test.serial('everything is asked for once, then only what changed', async (t) => {
  const server = await start();
  server.register('book', { id: 'a', port: 1 });
  const listener = follow(await open([server.url]));
  await shows(listener, '127.0.0.1:1');
  server.register('book', { id: 'b', port: 2 });
  await shows(listener, '127.0.0.1:1', '127.0.0.1:2');
  server.deregister('book', 'a');
  await shows(listener, '127.0.0.1:2');
  server.deregister('book', 'b');
  await shows(listener);
  t.is(server.asked.filter((path) => path === '/apps').length, 1);
  t.true(server.asked.filter((path) => path === '/apps/delta').length >= 3);
});

test.serial('a change that was missed shows in the count, and everything is asked for again', async (t) => {
  const server = await start();
  for (const id of ['a', 'b']) server.register('book', { id, port: id === 'a' ? 1 : 2 });
  const listener = follow(await open([server.url]));
  await shows(listener, '127.0.0.1:1', '127.0.0.1:2');
  server.dropSilently('book', 'a');
  await shows(listener, '127.0.0.1:2');
  t.is(server.asked.filter((path) => path === '/apps').length, 2);
});

test.serial('a server that offers no changes is asked for everything each time', async (t) => {
  const server = await start({ deltaDisabled: true });
  server.register('book', { id: 'a', port: 1 });
  const registry = await open([server.url]);
  t.is(await registry.check('/services/'), null);
  const listener = follow(registry);
  await shows(listener, '127.0.0.1:1');
  server.register('book', { id: 'b', port: 2 });
  await shows(listener, '127.0.0.1:1', '127.0.0.1:2');
  t.true(server.asked.filter((path) => path === '/apps').length >= 2);
  t.deepEqual(listener.errors, []);
});

test.serial('only instances that are UP are in the set', async (t) => {
  const server = await start();
  for (const [port, status] of ['UP', 'DOWN', 'STARTING', 'OUT_OF_SERVICE', 'UNKNOWN'].entries())
    server.register('book', { id: status, port: port + 1, status });
  const listener = follow(await open([server.url]));
  await shows(listener, '127.0.0.1:1');
  server.setStatus('book', 'UP', 'OUT_OF_SERVICE');
  await shows(listener);
  server.setStatus('book', 'UP', 'UP');
  await shows(listener, '127.0.0.1:1');
  t.deepEqual(listener.answers.at(-1)?.bad, []);
});

test.serial(
  'version, weight and zone come from the metadata, the zone from the cloud when they have none',
  async (t) => {
    const server = await start();
    server.register('book', {
      id: 'a',
      port: 1,
      metadata: { version: 'v2', weight: '5', zone: 'here' },
      zone: 'us-1a',
    });
    server.register('book', { id: 'b', port: 2, zone: 'us-1b' });
    const listener = follow(await open([server.url]));
    await shows(listener, '127.0.0.1:1', '127.0.0.1:2');
    const found = listener.answers
      .at(-1)
      ?.instances.map(({ id, version, weight, zone }) => [id, version, weight, zone]);
    t.deepEqual(found, [
      ['a', 'v2', 5, 'here'],
      ['b', null, 1, 'us-1b'],
    ]);
  },
);

test.serial('port and address are those that the config asks for', async (t) => {
  const server = await start();
  server.register('book', { id: 'a', host: 'book.test', ip: '127.0.0.9', port: 1, securePort: 2 });
  server.register('book', { id: 'b', host: 'secure.test', port: 3, portEnabled: false, securePort: 4 });
  server.register('book', { id: 'c', host: 'grpc.test', port: 5, metadata: { gRPC_port: '6' } });
  server.register('book', { id: 'd', host: '::1', port: 7 });
  server.register('book', { id: 'e', host: 'none.test', port: 8, portEnabled: false });
  const auto = follow(await open([server.url]));
  await shows(auto, 'book.test:1', 'secure.test:4', 'grpc.test:6', '[::1]:7');
  t.deepEqual(
    auto.answers.at(-1)?.bad.map(({ key }) => key),
    ['BOOK/e'],
  );
  const secure = follow(await open([server.url], { port: 'secure' }));
  await shows(secure, 'book.test:2', 'secure.test:4', 'grpc.test:7002', '[::1]:7002', 'none.test:7002');
  await shows(
    follow(await open([server.url]), { protocol: 'http/1.1' }),
    'book.test:1',
    'secure.test:4',
    'grpc.test:5',
    '[::1]:7',
  );
  const ip = follow(await open([server.url], { address: 'ip', port: 'plain' }));
  await shows(ip, '127.0.0.9:1', '127.0.0.1:3', '127.0.0.1:5', '127.0.0.1:7', '127.0.0.1:8');
});

test.serial('a name that is no application is looked for among the virtual addresses', async (t) => {
  const server = await start();
  server.register('book', { id: 'a', port: 1, vip: 'books.internal,library' });
  const registry = await open([server.url]);
  await shows(follow(registry, { path: '/services/Library/' }), '127.0.0.1:1');
  await shows(follow(registry, { path: '/services/nobody/' }));
  t.deepEqual(await registry.names?.(), ['book']);
});

test.serial('lists of one that are written as the thing itself are read', async (t) => {
  const server = await start({ oneAsObject: true });
  server.register('book', { id: 'a', port: 1 });
  const listener = follow(await open([server.url]));
  await shows(listener, '127.0.0.1:1');
  server.register('book', { id: 'b', port: 2 });
  await shows(listener, '127.0.0.1:1', '127.0.0.1:2');
  t.deepEqual(listener.errors, []);
});

test.serial('the next server is asked when one is away, and it is asked for everything', async (t) => {
  const [first, second] = [await start(), await start()];
  for (const server of [first, second]) server.register('book', { id: 'a', port: 1 });
  // Known to the second alone, and with a count of statuses that is the same.
  first.register('book', { id: 'b', port: 2 });
  second.register('book', { id: 'c', port: 3 });
  for (const server of [first, second]) server.forgetChanges();
  const way = await startTcpProxy(first.port);
  stoppers.push(() => way.close());
  const listener = follow(await open([`http://127.0.0.1:${way.port}/eureka/v2`, second.url]));
  await shows(listener, '127.0.0.1:1', '127.0.0.1:2');
  way.cut();
  await shows(listener, '127.0.0.1:1', '127.0.0.1:3');
  t.deepEqual(listener.errors, []);
  await second.stop();
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'eureka_unavailable');
  t.deepEqual(listener.addresses(), ['127.0.0.1:1', '127.0.0.1:3']);
  way.mend();
  await shows(listener, '127.0.0.1:1', '127.0.0.1:2');
});

test.serial(
  'a user is asked for: with it all is read, without it the error says so, and it is never printed',
  async (t) => {
    const server = await start({ basic: 'reader:s3cret%' });
    server.register('book', { id: 'a', port: 1 });
    await shows(follow(await open([server.url], { username: 'reader', password: 's3cret%' })), '127.0.0.1:1');
    const registry = await open([server.url], { username: 'reader', password: 'wr0ng' });
    const listener = follow(registry);
    const error = await eventually(() => listener.errors[0] ?? false);
    t.is(error.code, 'eureka_auth');
    t.regex(error.hint ?? '', /username/);
    t.is((await registry.check('/'))?.code, 'eureka_auth');
    t.notRegex(`${error.message}${error.hint}`, /wr0ng/);
  },
);

test.serial('a wrong path, and a server that speaks no JSON, are said', async (t) => {
  const server = await start();
  const wrong = await open([server.url.replace('/v2', '')]);
  t.is((await wrong.check('/'))?.code, 'eureka_path');
  const listener = follow(wrong);
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'eureka_path');
  t.regex(error.hint ?? '', /\/eureka\/v2/);
  t.throws(() => readAnswer({ error: 'what' }), { message: /no Eureka server/ });
});

test.serial('a server that does not answer is given up after the timeout', async (t) => {
  const server = await start();
  server.register('book', { id: 'a', port: 1 });
  const way = await startTcpProxy(server.port, { delay: 60_000 });
  stoppers.push(() => way.close());
  const slow = `http://127.0.0.1:${way.port}/eureka/v2`;
  const listener = follow(await open([slow], { timeout: 200 }));
  t.is((await eventually(() => listener.errors[0] ?? false)).code, 'eureka_timeout');
  await shows(follow(await open([slow, server.url], { timeout: 200 })), '127.0.0.1:1');
});

(present('openssl') ? test.serial : test.serial.skip)(
  "TLS with an authority of one's own and a client certificate",
  async (t) => {
    const directory = temporaryDirectory();
    const file = (name: string): string => join(directory, name);
    const [key, cert] = [file('key.pem'), file('cert.pem')];
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const names = ['-subj', '/CN=eureka', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const server = await start({ tls: { key: readFileSync(key), cert: readFileSync(cert), ca: readFileSync(cert) } });
    server.register('book', { id: 'a', port: 1 });
    await shows(follow(await open([server.url], { tls: { ca: cert, cert, key } })), '127.0.0.1:1');
    t.is((await (await open([server.url])).check('/'))?.code, 'eureka_tls');
    const missing = await (await open([server.url], { tls: { ca: file('nowhere.pem') } })).check('/');
    t.is(missing?.code, 'eureka_tls');
    t.regex(missing?.message ?? '', /tls\.ca: cannot read .*nowhere\.pem/);
  },
);

test('statuses are counted as the server counts them', (t) => {
  const instance = (instanceId: string, status: string): object => ({ instanceId, status, app: 'BOOK' });
  const list = [instance('a', 'UP'), instance('b', 'DOWN'), instance('c', 'UP'), instance('d', 'STARTING')];
  const answer = readAnswer({ applications: { application: [{ name: 'BOOK', instance: list }] } });
  t.is(EurekaApplications.of(answer).hash(), 'DOWN_1_STARTING_1_UP_2_');
  t.is(EurekaApplications.of(readAnswer({ applications: { application: [] } })).hash(), '');
});
