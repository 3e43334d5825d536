import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import {
  type EtcdCluster,
  type EtcdClusterOptions,
  type EtcdMember,
  startEtcdCluster,
} from '../support/etcd_cluster.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { present, serialTestWith } from '../support/requires.ts';
import { type Sidecar, startSidecar, temporaryDirectory } from '../support/sidecar.ts';
import { callSteadily, type SteadyCalls } from '../support/steady_calls.ts';
import { startTcpProxy } from '../support/tcp_proxy.ts';

const testWithEtcd = present('etcdctl') ? serialTestWith('etcd') : serialTestWith('etcdctl');

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

const PREFIX = '/services/echo/';
const keyOf = ({ name }: GrpcServer, prefix = PREFIX): string => prefix + name;
const recordOf = ({ name, version, address }: GrpcServer): string =>
  JSON.stringify({ node: { name: 'echo', id: name, version, address } });

/** How long after the recovery of the registry the set was right, in milliseconds, by test. */
const recoveries: number[] = [];

interface World {
  readonly cluster: EtcdCluster;
  readonly servers: readonly GrpcServer[];
  readonly sidecar: Sidecar;
  readonly calls: SteadyCalls;
  /** A further server, registered when this resolves. */
  add(name: string): Promise<GrpcServer>;
  /** Resolves when the sidecar's set is what etcdctl lists; `recovered` is when that could be at the earliest. */
  agrees(recovered?: number): Promise<void>;
}

interface WorldOptions extends EtcdClusterOptions {
  readonly prefix?: string;
  /** What the sidecar connects to and as whom; the endpoints of the cluster if left out. */
  readonly registry?: (cluster: EtcdCluster) => object | Promise<object>;
  readonly prepare?: (cluster: EtcdCluster) => Promise<void>;
}

async function startServer(name: string, version = 'v1'): Promise<GrpcServer> {
  const server = await startGrpcServer({ name, version });
  stoppers.push(() => server.stop());
  return server;
}

/** A cluster with three instances in it, a sidecar that follows it, and calls through that until the test ends. */
async function setUp(options: WorldOptions = {}): Promise<World> {
  const { prefix = PREFIX } = options;
  const cluster = await startEtcdCluster(options);
  stoppers.push(() => cluster.stop());
  await options.prepare?.(cluster);
  const servers = [await startServer('a'), await startServer('b'), await startServer('c', 'v2')];
  for (const server of servers) await cluster.put(keyOf(server, prefix), recordOf(server));
  const registry = (await options.registry?.(cluster)) ?? {};
  const sidecar = await startSidecar({
    registries: { main: { type: 'etcd', endpoints: cluster.endpoints, ...registry } },
    services: { echo: { path: prefix } },
  });
  stoppers.push(() => sidecar.kill());
  await sidecar.untilReady('echo', 3);
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());
  const calls = callSteadily(client);
  stoppers.push(() => calls.stop());
  return {
    cluster,
    servers,
    sidecar,
    calls,
    async add(name) {
      const server = await startServer(name);
      await cluster.put(keyOf(server, prefix), recordOf(server));
      return server;
    },
    async agrees(recovered = performance.now()) {
      const wanted = [...(await cluster.list(prefix)).values()].map(addressIn).sort().join();
      await eventually(async () => {
        const service = await sidecar.service('echo');
        const listed =
          service?.instances.filter(({ state }) => state !== 'draining').map(({ address }) => address) ?? [];
        if (listed.sort().join() === wanted && service?.stale === false) return true;
        throw new Error(`etcd lists ${wanted}; the sidecar ${listed}, stale: ${service?.stale}\n${sidecar.output()}`);
      }, 30_000);
      recoveries.push(performance.now() - recovered);
    },
  };
}

const addressIn = (value: string): string => (JSON.parse(value) as { node: { address: string } }).node.address;

/** All calls of the test came back well, and they went on to the end. */
async function noneFailed(t: ExecutionContext, { calls, sidecar }: World): Promise<void> {
  const before = calls.count();
  await eventually(() => calls.count() >= before + 20);
  await calls.stop();
  t.deepEqual(calls.failures(), [], sidecar.output());
}

/** The member that the sidecar's watch is open at. */
async function watchedMember(cluster: EtcdCluster): Promise<EtcdMember> {
  return eventually(async () => {
    for (const member of cluster.members) {
      const metrics = await (await fetch(`${member.endpoint}/metrics`, { headers: { connection: 'close' } })).text();
      if (Number(/^etcd_debugging_mvcc_watcher_total (\d+)/m.exec(metrics)?.[1]) > 0) return member;
    }
    return false;
  });
}

testWithEtcd('three members, the leader is killed: the set follows the next leader', async (t) => {
  const world = await setUp();
  const { cluster, servers, calls } = world;
  const [first] = servers;
  if (!first) throw new Error('unreachable');
  await (await cluster.leader()).kill();
  await cluster.leader();
  // The first write that goes through again.
  await cluster.delete(keyOf(first));
  const newcomer = await world.add('newcomer');
  await world.agrees();
  await eventually(() => calls.answeredBy(newcomer.name));
  await noneFailed(t, world);
});

testWithEtcd('the member that is watched is killed: another one is, and nothing is missed in between', async (t) => {
  const world = await setUp();
  const { cluster, servers } = world;
  const [first] = servers;
  if (!first) throw new Error('unreachable');
  const watched = await watchedMember(cluster);
  await watched.kill();
  await cluster.leader();
  await cluster.delete(keyOf(first));
  await world.add('newcomer');
  await world.agrees();
  watched.restart();
  await world.add('another');
  await world.agrees();
  await noneFailed(t, world);
});

testWithEtcd(
  'the member that is watched freezes: the set catches up without it, and stays right when it is back',
  async (t) => {
    const world = await setUp();
    const { cluster, servers } = world;
    const [first] = servers;
    if (!first) throw new Error('unreachable');
    const frozen = await watchedMember(cluster);
    frozen.pause();
    try {
      await cluster.leader();
      await cluster.delete(keyOf(first));
      await world.add('newcomer');
      await eventually(async () => {
        await world.agrees();
        return true;
      }, 60_000);
      // That one was the time until the keepalive noticed.
      t.log(`noticed and caught up after ${((recoveries.pop() ?? 0) / 1_000).toFixed(1)} s`);
    } finally {
      frozen.resume();
    }
    await world.add('another');
    await world.agrees();
    await noneFailed(t, world);
  },
);

testWithEtcd('history is compacted while the way to etcd is cut: the set is listed anew', async (t) => {
  let way: Awaited<ReturnType<typeof startTcpProxy>> | null = null;
  const world = await setUp({
    size: 1,
    async registry({ members: [member] }) {
      way = await startTcpProxy(member?.port ?? 0);
      stoppers.push(() => way?.close());
      return { endpoints: [`http://127.0.0.1:${way.port}`] };
    },
  });
  const { cluster, servers, sidecar } = world;
  const [first, second] = servers;
  if (!first || !second || way === null) throw new Error('unreachable');
  const proxy: Awaited<ReturnType<typeof startTcpProxy>> = way;
  proxy.cut();
  await eventually(async () => (await sidecar.service('echo'))?.stale === true);
  await cluster.delete(keyOf(first));
  await cluster.put(keyOf(second), recordOf(second));
  await world.add('newcomer');
  await cluster.compact();
  t.is((await sidecar.service('echo'))?.instances.length, 3, 'the last good set is kept');
  const recovered = performance.now();
  proxy.mend();
  await world.agrees(recovered);
  await noneFailed(t, world);
});

testWithEtcd('tokens that expire while watching are renewed when one is needed', async (t) => {
  const PASSWORD = 'pass word %:@';
  let user: string | null = null;
  const ways: Awaited<ReturnType<typeof startTcpProxy>>[] = [];
  const world = await setUp({
    args: ['--auth-token', 'simple', '--auth-token-ttl', '2'],
    user: () => user,
    async prepare({ ctl }) {
      await ctl('user', 'add', `root:${PASSWORD}`);
      await ctl('user', 'add', `reader:${PASSWORD}`);
      await ctl('role', 'add', 'reads');
      await ctl('role', 'grant-permission', 'reads', '--prefix=true', 'read', PREFIX);
      await ctl('user', 'grant-role', 'reader', 'reads');
      await ctl('user', 'grant-role', 'root', 'root');
      await ctl('auth', 'enable');
      user = `root:${PASSWORD}`;
    },
    async registry({ members }) {
      for (const { port } of members) ways.push(await startTcpProxy(port));
      stoppers.push(() => Promise.all(ways.map((way) => way.close())));
      return { endpoints: ways.map(({ port }) => `http://127.0.0.1:${port}`), username: 'reader', password: PASSWORD };
    },
  });
  const { cluster, servers } = world;
  const [first] = servers;
  if (!first) throw new Error('unreachable');
  // The watch was allowed when it began; what is put long after its token ended must still come through it.
  const since = performance.now();
  await eventually(() => performance.now() - since > 4_000);
  await world.add('newcomer');
  await world.agrees();
  // And all that is asked anew needs a token anew.
  for (const way of ways) way.cut();
  await cluster.delete(keyOf(first));
  const recovered = performance.now();
  for (const way of ways) way.mend();
  await world.agrees(recovered);
  await noneFailed(t, world);
  t.false(world.sidecar.output().includes(PASSWORD));
});

testWithEtcd('TLS with an authority of its own and certificates of clients, over the death of a member', async (t) => {
  const tls = makeCertificates();
  const world = await setUp({ tls: tls.server, registry: () => ({ tls: tls.client }) });
  const { cluster, servers } = world;
  const [first] = servers;
  if (!first) throw new Error('unreachable');
  await (await cluster.leader()).kill();
  await cluster.leader();
  await cluster.delete(keyOf(first));
  await world.add('newcomer');
  await world.agrees();
  await noneFailed(t, world);
});

testWithEtcd('a namespace is a prefix: neighbours with the same names and longer names are not read', async (t) => {
  const stranger = await startServer('stranger');
  const world = await setUp({
    size: 1,
    prefix: '/tenants/one/services/echo/',
    async prepare(cluster) {
      for (const prefix of ['/tenants/two/services/echo/', '/services/echo/', '/tenants/one/services/echo2/'])
        await cluster.put(keyOf(stranger, prefix), recordOf(stranger));
    },
  });
  await world.cluster.put(keyOf(stranger, '/tenants/two/services/echo/'), recordOf(stranger).replace('v1', 'v2'));
  await world.add('newcomer');
  await world.agrees();
  await noneFailed(t, world);
  t.is(stranger.calls(), 0);
});

testWithEtcd(
  'endpoints of which one is nobody and one is away at the start do as well as one that is there',
  async (t) => {
    const world = await setUp({
      async prepare({ members, leader }) {
        await members[0]?.kill();
        await leader();
      },
      registry: ({ endpoints }) => ({ endpoints: ['http://127.0.0.1:1', ...endpoints] }),
    });
    const { cluster } = world;
    await world.add('newcomer');
    await world.agrees();
    // The one that was away comes back, and the one in use goes.
    cluster.members[0]?.restart();
    await eventually(() => cluster.ctl('endpoint', 'health'), 30_000);
    const watched = await watchedMember(cluster);
    await watched.kill();
    await cluster.leader();
    await world.add('another');
    await world.agrees();
    await noneFailed(t, world);
  },
);

// Last: it looks at what the others measured.
testWithEtcd('after a recovery the set is right within 2 s', (t) => {
  const sorted = recoveries.toSorted((a, b) => a - b).map(Math.round);
  t.log(`${sorted.join(', ')} ms`);
  // Of most, and of all with patience: other tests run on this machine, too.
  t.true((sorted[Math.floor(sorted.length / 2)] as number) < 2_000, `${sorted}`);
  t.true((sorted.at(-1) as number) < 10_000, `${sorted}`);
});

/** An authority, a certificate of the members and one of the sidecar, each for what it is used for. */
function makeCertificates(): {
  readonly server: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly client: { readonly ca: string; readonly cert: string; readonly key: string };
} {
  const directory = temporaryDirectory();
  const file = (name: string): string => join(directory, name);
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const ca = file('ca.pem');
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=ca', '-keyout', file('ca.key'), '-out', ca);
  const issue = (name: string, extensions: string): { ca: string; cert: string; key: string } => {
    const [key, csr, cert] = [file(`${name}.key`), file(`${name}.csr`), file(`${name}.pem`)];
    writeFileSync(file(`${name}.ext`), extensions);
    openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', key, '-out', csr);
    const signed = ['-CA', ca, '-CAkey', file('ca.key'), '-CAcreateserial', '-extfile', file(`${name}.ext`)];
    openssl('x509', '-req', '-in', csr, ...signed, '-days', '2', '-out', cert);
    return { ca, cert, key };
  };
  return {
    server: issue('etcd', 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n'),
    client: issue('sidecar', 'extendedKeyUsage=clientAuth\n'),
  };
}
