import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../src/base/clock.ts';
import type { EtcdOptions } from '../../../src/config/registry_options.ts';
import { connectEtcd } from '../../../src/control/registries/etcd/client.ts';
import { openEtcdRegistry } from '../../../src/control/registries/etcd/registry.ts';
import { ETCD_TIMING, type EtcdTiming } from '../../../src/control/registries/etcd/timing.ts';
import { followWatch, type WatchEnd } from '../../../src/control/registries/etcd/watch_stream.ts';
import type { Registry } from '../../../src/control/registries/registry.ts';
import { type EtcdServer, startEtcd } from '../../support/etcd.ts';
import { eventually } from '../../support/eventually.ts';
import { type RecordingListener, recordingListener } from '../../support/recording_listener.ts';
import { present } from '../../support/requires.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp_proxy.ts';

const PATH = '/services/book/';
const QUERY = { service: 'book', path: PATH, format: 'auto' };

interface Opened {
  readonly etcd: EtcdServer;
  readonly proxy: TcpProxy;
  /** Opens a registry that reaches etcd through the proxy. */
  readonly open: (options?: Partial<EtcdOptions>, timing?: Partial<EtcdTiming>) => Registry;
}

function withEtcd(title: string, body: (t: ExecutionContext, opened: Opened) => Promise<void>): void {
  const run = present('etcd') ? test : test.skip;
  run(title, async (t) => {
    const etcd = await startEtcd();
    const proxy = await startTcpProxy(etcd.port);
    const registries: Registry[] = [];
    const open: Opened['open'] = (options = {}, timing = {}) => {
      const endpoints = [`http://127.0.0.1:${proxy.port}`];
      const all = { ...ETCD_TIMING, ...timing };
      const registry = openEtcdRegistry('main', { type: 'etcd', endpoints, ...options }, systemClock, all);
      registries.push(registry);
      return registry;
    };
    try {
      await body(t, { etcd, proxy, open });
    } finally {
      await Promise.all(registries.map((registry) => registry.close()));
      await proxy.close();
      await etcd.stop();
    }
  });
}

function follow(registry: Registry, path = PATH): RecordingListener {
  const listener = recordingListener();
  registry.watch({ ...QUERY, path }, listener);
  return listener;
}

function shows(listener: RecordingListener, ...ports: number[]): Promise<unknown> {
  return eventually(() => {
    const found = listener.addresses()?.join();
    if (listener.last === 'set' && found === ports.map((port) => `127.0.0.1:${port}`).join()) return true;
    throw new Error(`last ${listener.last}, set ${found}, error ${listener.errors.at(-1)?.message}`);
  });
}

withEtcd('an instance is in the set within 100 ms of its put', async (t, { etcd, open }) => {
  const listener = follow(open());
  await shows(listener);
  const delays: number[] = [];
  for (let port = 10_001; port <= 10_020; port++) {
    await etcd.put(`${PATH}${port}`, `127.0.0.1:${port}`);
    const visible = performance.now();
    await eventually(() => listener.answers.at(-1)?.instances.length === port - 10_000);
    delays.push(performance.now() - visible);
  }
  delays.sort((a, b) => a - b);
  t.true((delays[10] as number) < 100, `median ${delays[10]} ms`);
});

withEtcd('an instance whose lease ends leaves the set', async (t, { etcd, open }) => {
  const expiring = await etcd.grant(1);
  const revoked = await etcd.grant(60);
  await etcd.put(`${PATH}a`, '127.0.0.1:1');
  await etcd.put(`${PATH}b`, '127.0.0.1:2', expiring);
  await etcd.put(`${PATH}c`, '127.0.0.1:3', revoked);
  const listener = follow(open());
  await eventually(() => listener.answers.length > 0);
  await etcd.revoke(revoked);
  await shows(listener, 1);
  t.deepEqual(listener.errors, []);
});

withEtcd(
  'what changed and was compacted while the connection was broken is right afterwards',
  async (t, { etcd, proxy, open }) => {
    for (const port of [1, 2, 3]) await etcd.put(`${PATH}${port}`, `127.0.0.1:${port}`);
    const listener = follow(open());
    await shows(listener, 1, 2, 3);
    proxy.cut();
    await eventually(() => listener.last === 'error');
    await etcd.delete(`${PATH}1`);
    await etcd.put(`${PATH}4`, '127.0.0.1:4');
    await etcd.put(`${PATH}2`, '127.0.0.1:5');
    await etcd.compact(await etcd.put('other', 'x'));
    proxy.mend();
    await shows(listener, 3, 4, 5);
    t.is(listener.errors[0]?.code, 'etcd_unavailable');
    t.true(listener.answers.every(({ instances }) => instances.length === 3));
    await etcd.put(`${PATH}6`, '127.0.0.1:6');
    await shows(listener, 3, 4, 5, 6);
  },
);

withEtcd(
  'a watch from a revision that is compacted ends as compacted, and the client can watch again',
  async (t, { etcd }) => {
    await etcd.put(`${PATH}a`, '127.0.0.1:1');
    await etcd.compact(await etcd.put(`${PATH}a`, '127.0.0.1:2'));
    const client = await connectEtcd({ type: 'etcd', endpoints: [etcd.endpoint] }, ETCD_TIMING);
    const ended: WatchEnd[] = [];
    const opened: string[] = [];
    const watchFrom = async (from: bigint) =>
      followWatch(
        await client.watch(),
        { prefix: PATH, from, timeout: 5_000 },
        { opened: () => opened.push(String(from)), changed() {}, ended: (end) => ended.push(end) },
        systemClock,
      );
    await watchFrom(1n);
    const end = await eventually(() => ended[0] ?? false);
    t.is(end.kind, 'compacted');
    const { revision } = await client.list(PATH);
    const close = await watchFrom(revision + 1n);
    await eventually(() => opened.includes(String(revision + 1n)));
    close();
    client.close();
    t.is(ended.length, 1);
  },
);

withEtcd('after etcd was killed and restarted the set is right within seconds', async (t, { etcd, open }) => {
  await etcd.put(`${PATH}a`, '127.0.0.1:1');
  const listener = follow(open());
  await shows(listener, 1);
  await etcd.kill();
  await eventually(() => listener.last === 'error');
  // Long enough for the attempts to become as rare as they get: one every two seconds.
  await eventually(() => listener.errors.length >= 6);
  await etcd.restart();
  const since = performance.now();
  await shows(listener, 1);
  t.true(performance.now() - since < 3_500, `${performance.now() - since} ms`);
  await etcd.put(`${PATH}b`, '127.0.0.1:2');
  await shows(listener, 1, 2);
  t.true(listener.answers.every(({ instances }) => instances.length > 0));
});

withEtcd('a frozen etcd is noticed by its silence, and followed again when it goes on', async (t, { etcd, open }) => {
  await etcd.put(`${PATH}a`, '127.0.0.1:1');
  const listener = follow(open({}, { keepalive: 300, keepaliveTimeout: 300, request: 500 }));
  await shows(listener, 1);
  etcd.pause();
  await eventually(() => listener.last === 'error');
  t.deepEqual(listener.addresses(), ['127.0.0.1:1']);
  etcd.resume();
  await shows(listener, 1);
  await etcd.put(`${PATH}b`, '127.0.0.1:2');
  await shows(listener, 1, 2);
});

withEtcd('an etcd that takes the connection and says nothing is an error in time', async (t, { etcd, open }) => {
  etcd.pause();
  const listener = follow(open({}, { request: 200 }));
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'etcd_timeout');
  etcd.resume();
  await shows(listener);
});

withEtcd(
  'passwords: refused, without rights, right, and still right after the tokens are lost',
  async (t, { etcd, open }) => {
    await etcd.put(`${PATH}a`, '127.0.0.1:1');
    await etcd.enableAuth('secret');
    const nobody = follow(open());
    const wrong = follow(open({ username: 'root', password: 'wrong' }));
    const reader = follow(open({ username: 'reader', password: 'secret' }));
    const root = follow(open({ username: 'root', password: 'secret' }));
    await shows(root, 1);
    t.is((await eventually(() => nobody.errors[0] ?? false)).code, 'etcd_auth');
    const refused = await eventually(() => wrong.errors[0] ?? false);
    t.is(refused.code, 'etcd_auth');
    t.regex(refused.message, /registry "main".*listing \/services\/book\/.*invalid user ID or password/);
    t.notRegex(refused.message + refused.hint, /wrong|secret/);
    t.is((await eventually(() => reader.errors[0] ?? false)).code, 'etcd_permission');
    // Simple tokens do not outlive the process.
    await etcd.restart();
    await eventually(() => root.errors.length > 0);
    await shows(root, 1);
    t.false(root.errors.some(({ code }) => code === 'etcd_auth'));
  },
);

withEtcd('a check says whether etcd answers, and why not', async (t, { etcd, proxy, open }) => {
  const nobody = open();
  t.is(await nobody.check('/services/'), null, 'no key is an answer, too');
  t.is(await open().check(''), null);
  t.is(nobody.stats.updates, 0);
  await etcd.enableAuth('secret');
  t.is((await nobody.check('/services/'))?.code, 'etcd_auth');
  const wrong = await open({ username: 'root', password: 'wrong' }).check('/services/');
  t.is(wrong?.code, 'etcd_auth');
  t.regex(wrong?.message ?? '', /reading \/services\/: .*invalid user ID or password/);
  t.truthy(wrong?.hint);
  t.is(await open({ username: 'root', password: 'secret' }).check('/services/'), null);
  const reader = open({ username: 'reader', password: 'secret' });
  t.is(await reader.check('/services/'), null, 'a role may be granted single services only');
  etcd.pause();
  t.is((await open({}, { check: 100 }).check('/services/'))?.code, 'etcd_timeout');
  etcd.resume();
  await reader.close();
  t.truthy(await reader.check('/services/'), 'after close it is an error, and no connection');
  await proxy.close();
  t.is((await open().check('/services/'))?.code, 'etcd_unavailable');
});

withEtcd('a password for an etcd without users is no problem', async (t, { etcd, open }) => {
  await etcd.put(`${PATH}a`, '127.0.0.1:1');
  const listener = follow(open({ username: 'root', password: 'secret' }));
  await shows(listener, 1);
  t.deepEqual(listener.errors, []);
});

withEtcd('queries for the same prefix share one watch, and the last one ends it', async (t, { etcd, open }) => {
  const watchers = async (): Promise<number> => {
    const text = await (await fetch(`${etcd.endpoint}/metrics`, { headers: { connection: 'close' } })).text();
    return Number(/^etcd_debugging_mvcc_watcher_total (\d+)/m.exec(text)?.[1]);
  };
  const registry = open();
  const before = await watchers();
  const listeners = Array.from({ length: 10 }, recordingListener);
  const watches = listeners.map((listener) => registry.watch(QUERY, listener));
  await Promise.all(listeners.map((listener) => shows(listener)));
  await eventually(async () => (await watchers()) === before + 1);
  await Promise.all(watches.slice(1).map((watch) => watch.close()));
  await etcd.put(`${PATH}a`, '127.0.0.1:1');
  await shows(listeners[0] as RecordingListener, 1);
  t.deepEqual(listeners[1]?.addresses(), []);
  t.is(registry.stats.updates, 2);
  await watches[0]?.close();
  await eventually(async () => (await watchers()) === before);
});

withEtcd('ending one watch leaves the others their connection', async (t, { etcd, proxy, open }) => {
  const registry = open();
  const staying = follow(registry, '/services/user/');
  const leaving = recordingListener();
  const watch = registry.watch(QUERY, leaving);
  await shows(leaving);
  await shows(staying);
  const connections = proxy.open;
  await watch.close();
  await etcd.put('/services/user/a', '127.0.0.1:1');
  await shows(staying, 1);
  const next = follow(registry, '/services/third/');
  await shows(next);
  t.is(proxy.open, connections);
  t.deepEqual(staying.errors, []);
});

withEtcd('a closed registry leaves no connection, whatever it was doing', async (t, { etcd, proxy, open }) => {
  const registry = open();
  await shows(follow(registry));
  t.true(proxy.open > 0);
  await registry.close();
  await eventually(() => proxy.open === 0);
  const midway = open();
  etcd.pause();
  follow(midway);
  await eventually(() => proxy.open > 0);
  await midway.close();
  // gRPC does not break off a handshake: the connection ends as soon as the other side goes on with it.
  etcd.resume();
  await eventually(() => proxy.open === 0);
});

withEtcd('one of two endpoints is enough', async (t, { etcd, open }) => {
  await etcd.put(`${PATH}a`, '127.0.0.1:1');
  const dead = await startTcpProxy(1);
  await dead.close();
  const listener = follow(open({ endpoints: [`http://127.0.0.1:${dead.port}`, etcd.endpoint] }));
  await shows(listener, 1);
  await eventually(async () => {
    await etcd.put(`${PATH}b`, '127.0.0.1:2');
    return listener.addresses()?.length === 2;
  });
  t.pass();
});

withEtcd('a prefix of more than 4 MiB is read', async (t, { etcd, open }) => {
  const filler = 'x'.repeat(60_000);
  for (let port = 1; port <= 80; port++) {
    await etcd.put(PATH + port, JSON.stringify({ node: { address: `127.0.0.1:${port}` }, metadata: { filler } }));
  }
  const listener = follow(open());
  await eventually(() => listener.answers.at(-1)?.instances.length === 80);
  t.deepEqual(listener.errors, []);
});

test('a certificate that cannot be read is an error that names the option and the file', async (t) => {
  const options: EtcdOptions = { type: 'etcd', endpoints: ['https://127.0.0.1:1'], tls: { ca: '/nowhere/ca.pem' } };
  const registry = openEtcdRegistry('main', options, systemClock);
  const listener = follow(registry);
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'etcd_tls');
  t.regex(error.message, /tls\.ca: cannot read \/nowhere\/ca\.pem/);
  await registry.close();
});
