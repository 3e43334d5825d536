import { createServer, type Socket } from 'node:net';
import test from 'ava';
import zookeeper from 'node-zookeeper-client';
import { systemClock } from '../../../src/base/clock.ts';
import type { ZookeeperOptions } from '../../../src/config/registry_options.ts';
import type { Registry } from '../../../src/control/registries/registry.ts';
import { openZookeeperRegistry } from '../../../src/control/registries/zookeeper/registry.ts';
import { ZOOKEEPER_TIMING, type ZookeeperTiming } from '../../../src/control/registries/zookeeper/timing.ts';
import { eventually } from '../../support/eventually.ts';
import { handlesSince, openHandles } from '../../support/handles.ts';
import { type RecordingListener, recordingListener } from '../../support/recording_listener.ts';
import { startTcpProxy } from '../../support/tcp_proxy.ts';
import { connectWriter, startZookeeper, type ZookeeperServer, zookeeperPresent } from '../../support/zookeeper.ts';

const present = zookeeperPresent();
const testWithServer = present ? test.serial : test.serial.skip;
let server: ZookeeperServer;
if (present) {
  test.before(async () => {
    server = await startZookeeper();
  });
}
test.after.always(() => server?.stop());

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

let worlds = 0;
const newRoot = (): string => `/w${++worlds}`;

function open(options: Omit<ZookeeperOptions, 'type'>, timing: Partial<ZookeeperTiming> = {}): Registry {
  const registry = openZookeeperRegistry('main', { type: 'zookeeper', ...options }, systemClock, {
    ...ZOOKEEPER_TIMING,
    ...timing,
  });
  stoppers.push(() => registry.close());
  return registry;
}

async function writer(digest?: string) {
  const made = await connectWriter(server.address, digest);
  stoppers.push(() => made.close());
  return made;
}

function follow(registry: Registry, path: string, format = 'auto'): RecordingListener {
  const listener = recordingListener();
  registry.watch({ service: 'book', path, format }, listener);
  return listener;
}

const shows = (listener: RecordingListener, expected: readonly string[], patience?: number): Promise<unknown> =>
  eventually(() => {
    const found = listener.addresses()?.join();
    if (listener.last === 'set' && found === [...expected].sort().join()) return true;
    throw new Error(`last ${listener.last}, set ${found}, error ${listener.errors.at(-1)?.message}`);
  }, patience);

testWithServer(
  'a node that does not exist yet is an empty set, and is followed when it appears, goes and returns',
  async (t) => {
    const root = newRoot();
    const writes = await writer();
    const listener = follow(open({ servers: [server.address] }), `${root}/services/book/`);
    await shows(listener, []);
    await writes.put(`${root}/services/book/a`, '127.0.0.1:1');
    await shows(listener, ['127.0.0.1:1']);
    await writes.delete(`${root}/services/book/a`);
    await writes.delete(`${root}/services/book`);
    await shows(listener, []);
    await new Promise<void>((resolve, reject) =>
      writes.client.mkdirp(`${root}/services/book`, (error) => (error ? reject(error as Error) : resolve())),
    );
    await writes.put(`${root}/services/book/b`, '127.0.0.1:2');
    await shows(listener, ['127.0.0.1:2']);
    t.deepEqual(listener.errors, []);
  },
);

testWithServer(
  'records of every writer to ZooKeeper are read: SmartStack, dubbo in both forms, Spring, plain',
  async (t) => {
    const root = newRoot();
    const writes = await writer();
    // airbnb/nerve, lib/nerve/reporter/zookeeper.rb: a sequential node with host, port and name.
    await writes.put(`${root}/nerve/host1_0000000001`, '{"host":"127.0.0.1","port":1,"name":"host1","weight":3}');
    // apache/dubbo, ZookeeperRegistry: the URL is the name, and Curator writes the writer's address as the value.
    const url =
      'tri://127.0.0.1:2/org.acme.Book?application=book&interface=org.acme.Book&version=v2&category=providers';
    await writes.put(`${root}/dubbo/org.acme.Book/providers/${encodeURIComponent(url)}`, '192.0.2.7');
    await writes.put(`${root}/plain/1`, '127.0.0.1:3');
    // spring-cloud-zookeeper-discovery, ServiceInstanceRegistration; the port of gRPC as grpc-spring says it.
    const spring = (port: number, metadata: object): string =>
      JSON.stringify({
        name: 'book',
        id: '6b2c8a1e-0d0f-4a53-9a2b-6a6f2f3a1c11',
        address: '127.0.0.1',
        port,
        sslPort: null,
        payload: {
          '@class': 'org.springframework.cloud.zookeeper.discovery.ZookeeperInstance',
          id: 'book',
          name: 'book',
          metadata,
        },
        registrationTimeUTC: 1_700_000_000_000,
        serviceType: 'DYNAMIC',
        uriSpec: { parts: [{ value: 'scheme', variable: true }] },
      });
    await writes.put(`${root}/services/book/1`, spring(4, { version: 'v4', instance_status: 'UP' }));
    await writes.put(`${root}/services/book/2`, spring(8080, { gRPC_port: '5', instance_status: 'UP' }));
    await writes.put(`${root}/services/book/3`, spring(6, { instance_status: 'OUT_OF_SERVICE' }));
    // apache/dubbo, ZookeeperServiceDiscovery (application form).
    const endpoints = '[{"port":7,"protocol":"tri"}]';
    const payload = {
      '@class': 'org.apache.dubbo.registry.zookeeper.ZookeeperInstance',
      id: '127.0.0.1:20880',
      name: 'shop',
      metadata: { 'dubbo.endpoints': endpoints },
    };
    const shop = { name: 'shop', id: '127.0.0.1:20880', address: '127.0.0.1', port: 20880, sslPort: null, payload };
    const written = { ...shop, registrationTimeUTC: 1_700_000_000_000, serviceType: 'DYNAMIC', uriSpec: null };
    await writes.put(`${root}/services/shop/127.0.0.1:20880`, JSON.stringify(written));
    const registry = open({ servers: [server.address], chroot: root });
    const springs = follow(registry, '/services/book/');
    await shows(springs, ['127.0.0.1:4', '127.0.0.1:5']);
    t.deepEqual(
      springs.answers
        .at(-1)
        ?.instances.map(({ version }) => version)
        .sort(),
      [null, 'v4'],
    );
    await writes.put(`${root}/services/book/3`, spring(6, { instance_status: 'UP' }));
    await writes.put(`${root}/services/book/1`, spring(4, { instance_status: 'OUT_OF_SERVICE' }));
    await shows(springs, ['127.0.0.1:5', '127.0.0.1:6']);
    await shows(follow(registry, '/services/shop/'), ['127.0.0.1:7']);
    const nerve = follow(registry, '/nerve');
    const dubbo = follow(registry, '/dubbo/org.acme.Book/providers');
    const plain = follow(registry, '/plain/');
    await shows(nerve, ['127.0.0.1:1']);
    t.is(nerve.answers.at(-1)?.instances[0]?.weight, 3);
    await shows(dubbo, ['127.0.0.1:2']);
    t.is(dubbo.answers.at(-1)?.instances[0]?.version, 'v2');
    t.deepEqual(dubbo.answers.at(-1)?.bad, []);
    await shows(plain, ['127.0.0.1:3']);
    t.is(plain.answers.at(-1)?.records?.()[0]?.format, 'plain');
  },
);

testWithServer('what a session may not read is said, and what it may read is read', async (t) => {
  const root = newRoot();
  const writes = await writer('outrigger:secret');
  await writes.makeParents(`${root}/book`);
  await writes.put(`${root}/book/open`, '127.0.0.1:1');
  await writes.put(`${root}/book/locked`, '127.0.0.1:2');
  const mine = [new zookeeper.ACL(zookeeper.Permission.ALL, new zookeeper.Id('auth', ''))];
  const lock = (path: string): Promise<void> =>
    new Promise((resolve, reject) =>
      writes.client.setACL(path, mine, -1, (error) => (error ? reject(error as Error) : resolve())),
    );
  await lock(`${root}/book/locked`);

  const stranger = open({ servers: [server.address] });
  const some = follow(stranger, `${root}/book`);
  await shows(some, ['127.0.0.1:1']);
  t.deepEqual(
    some.answers.at(-1)?.bad.map(({ key }) => key),
    [`${root}/book/locked`],
  );
  t.is(stranger.stats.errors.bad_record, 1);

  await lock(`${root}/book`);
  const none = follow(open({ servers: [server.address] }), `${root}/book`);
  const error = await eventually(() => none.errors[0] ?? false);
  t.is(error.code, 'zookeeper_permission');
  t.regex(error.hint ?? '', /username/);
  t.deepEqual(none.answers, []);
  t.is(await stranger.check(`${root}/book`), null, 'that is an answer');

  const known = open({ servers: [server.address], username: 'outrigger', password: 'secret' });
  await shows(follow(known, `${root}/book`), ['127.0.0.1:1', '127.0.0.1:2']);
});

testWithServer('5,000 nodes with long names survive a lost connection, and each is still followed', async (t) => {
  const root = newRoot();
  const writes = await writer();
  const parent = `${root}/dubbo/org.acme.Book/providers`;
  // Together longer than what a server takes in one message: the watches cannot be asked for again all at once.
  const nameOf = (port: number, version: string): string =>
    encodeURIComponent(`tri://127.0.0.1:${port}/org.acme.Book?version=${version}&methods=${'m'.repeat(200)}`);
  const ports = Array.from({ length: 5_000 }, (_, at) => 20_000 + at);
  await writes.makeParents(parent);
  await Promise.all(ports.map((port) => writes.put(`${parent}/${nameOf(port, 'v1')}`, '')));
  const way = await startTcpProxy(server.port);
  stoppers.push(() => way.close());
  const listener = follow(open({ servers: [`127.0.0.1:${way.port}`] }), parent);
  const all = ports.map((port) => `127.0.0.1:${port}`);
  await shows(listener, all, 30_000);
  way.cut();
  await eventually(() => listener.last === 'error');
  await writes.delete(`${parent}/${nameOf(20_000, 'v1')}`);
  way.mend();
  await shows(listener, all.slice(1), 30_000);
  t.true(
    listener.answers.every(({ instances }) => instances.length >= 4_999),
    'never half a set',
  );
  await writes.delete(`${parent}/${nameOf(24_999, 'v1')}`);
  await writes.put(`${parent}/${nameOf(30_000, 'v2')}`, '');
  await shows(listener, [...all.slice(1, -1), '127.0.0.1:30000'], 30_000);
});

testWithServer('a change of what a node holds is told each time, not only the first', async (t) => {
  const root = newRoot();
  const writes = await writer();
  const listener = follow(open({ servers: [server.address] }), `${root}/book`);
  for (const version of ['v1', 'v2', 'v3']) {
    await writes.put(`${root}/book/a`, JSON.stringify({ Op: 0, Addr: '127.0.0.1:1', Metadata: { version } }));
    await eventually(() => listener.answers.at(-1)?.instances[0]?.version === version);
  }
  t.pass();
});

testWithServer(
  'a frozen server is noticed though its sockets stay open, and a server that is killed is found again',
  async (t) => {
    const root = newRoot();
    let writes = await writer();
    await writes.put(`${root}/book/a`, '127.0.0.1:1');
    const listener = follow(open({ servers: [server.address] }, { keepalive: 200, request: 1_000 }), `${root}/book`);
    await shows(listener, ['127.0.0.1:1']);
    server.pause();
    try {
      const error = await eventually(() => listener.last === 'error' && (listener.errors.at(-1) ?? false));
      t.is(error.code, 'zookeeper_timeout');
      t.deepEqual(listener.addresses(), ['127.0.0.1:1']);
    } finally {
      server.resume();
    }
    // The node may have ended with its session in the meantime.
    writes = await writer();
    await writes.put(`${root}/book/b`, '127.0.0.1:2');
    await eventually(() => listener.last === 'set' && listener.addresses()?.includes('127.0.0.1:2') === true);
    await server.kill();
    await eventually(() => listener.last === 'error');
    await server.restart();
    const again = await writer();
    await again.put(`${root}/book/c`, '127.0.0.1:3');
    // The sessions of the writers end when nobody keeps them alive: their own clients still try to.
    await eventually(() => listener.last === 'set' && listener.addresses()?.includes('127.0.0.1:3') === true, 20_000);
  },
);

testWithServer('servers that refuse, say nothing or talk nonsense are passed over for one that answers', async (t) => {
  const root = newRoot();
  const writes = await writer();
  await writes.put(`${root}/book/a`, '127.0.0.1:1');
  const sockets = new Set<Socket>();
  const fake = async (reply: Buffer | null): Promise<string> => {
    const listening = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      if (reply !== null) socket.on('data', () => socket.write(reply));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    stoppers.push(() => {
      for (const socket of sockets) socket.destroy();
      listening.close();
    });
    return `127.0.0.1:${(listening.address() as { port: number }).port}`;
  };
  const silent = await fake(null);
  // Eight octets, said to be four, that are no answer to anything.
  const nonsense = await fake(Buffer.from([0, 0, 0, 4, 1, 2, 3, 4]));
  const servers = ['127.0.0.1:1', silent, nonsense, server.address];
  for (let turn = 0; turn < 4; turn++) {
    const listener = follow(open({ servers }, { request: 300 }), `${root}/book`);
    await shows(listener, ['127.0.0.1:1']);
  }
  const lost = open({ servers: [nonsense] }, { request: 300 });
  const listener = follow(lost, `${root}/book`);
  t.is((await eventually(() => listener.errors[0] ?? false)).code, 'zookeeper_failed');
  t.is((await lost.check('/'))?.code, 'zookeeper_failed');
  t.is((await open({ servers: [silent] }, { request: 300 }).check('/'))?.code, 'zookeeper_timeout');
  t.is((await open({ servers: ['127.0.0.1:1'] }).check('/'))?.code, 'zookeeper_unavailable');
});

testWithServer('a path that ZooKeeper has no place for is an error of that service alone', async (t) => {
  const root = newRoot();
  const writes = await writer();
  await writes.put(`${root}/book/a`, '127.0.0.1:1');
  const registry = open({ servers: [server.address] });
  const wrong = follow(registry, '/services//book');
  const right = follow(registry, `${root}/book`);
  t.is((await eventually(() => wrong.errors[0] ?? false)).code, 'zookeeper_path');
  await shows(right, ['127.0.0.1:1']);
});

testWithServer('a watch that ends while it reads tells and counts nothing', async (t) => {
  const root = newRoot();
  const writes = await writer();
  await writes.put(`${root}/book/a`, '127.0.0.1:1');
  await writes.put(`${root}/author/b`, '127.0.0.1:2');
  const way = await startTcpProxy(server.port, { delay: 100 });
  stoppers.push(() => way.close());
  const registry = open({ servers: [`127.0.0.1:${way.port}`] });
  await shows(follow(registry, `${root}/author`), ['127.0.0.1:2']);
  const listener = recordingListener();
  const watch = registry.watch({ service: 'book', path: `${root}/book`, format: 'auto' }, listener);
  // By then the question is on its way, and the answer is not.
  await new Promise(setImmediate);
  await watch.close();
  await shows(follow(registry, `${root}/book`), ['127.0.0.1:1']);
  t.is(listener.last, 'nothing');
  t.is(registry.stats.updates, 2);
});

testWithServer('closing while nobody listens leaves no timer behind', async (t) => {
  const before = openHandles();
  const registry = open({ servers: ['127.0.0.1:1'] });
  const listener = follow(registry, '/book');
  await eventually(() => listener.errors.length > 1);
  await registry.close();
  await eventually(() => {
    const left = handlesSince(before, openHandles());
    if (left.length > 0) throw new Error(left.join());
    return true;
  }, 2_000);
  t.pass();
});
