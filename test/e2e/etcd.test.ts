import test from 'ava';
import { answeredBy, connectEcho, type EchoClient, type Outcome } from '../support/echo_client.ts';
import { type EtcdServer, startEtcd } from '../support/etcd.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { serialTestWith } from '../support/requires.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

const testWithEtcd = serialTestWith('etcd');

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

interface World {
  readonly etcd: EtcdServer;
  readonly servers: readonly GrpcServer[];
  readonly sidecar: Sidecar;
  readonly client: EchoClient;
}

/** A record as Go services with a register package of that name write it: `/services/echo/<id>` -> JSON. */
function record({ name, version, address }: GrpcServer): string {
  return JSON.stringify({
    node: { name: 'echo', path: '/services/echo', id: name, version, address },
    metadata: {},
    endpoints: {},
  });
}

const key = ({ name }: GrpcServer) => `/services/echo/${name}`;

async function startServer(name: string, version: string): Promise<GrpcServer> {
  const server = await startGrpcServer({ name, version });
  stoppers.push(() => server.stop());
  return server;
}

/** etcd with `registered` of the three servers in it, and a sidecar that follows it. */
async function setUp(registered = 3): Promise<World> {
  const etcd = await startEtcd();
  stoppers.push(() => etcd.stop());
  const servers = [await startServer('a', 'v1'), await startServer('b', 'v1'), await startServer('c', 'v2')];
  for (const server of servers.slice(0, registered)) await etcd.put(key(server), record(server));
  const sidecar = await startSidecar({
    registries: { main: { type: 'etcd', endpoints: [etcd.endpoint] } },
    services: { echo: { path: '/services/echo/' } },
  });
  stoppers.push(() => sidecar.kill());
  await sidecar.untilReady('echo', registered);
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());
  return { etcd, servers, sidecar, client };
}

/** Calls one after the other until `stop`; resolves with all outcomes. */
function keepCalling(client: EchoClient): {
  answeredBy: (name: string) => boolean;
  count: () => number;
  stop: () => Promise<Outcome[]>;
} {
  const outcomes: Outcome[] = [];
  let going = true;
  const lane = async () => {
    while (going) outcomes.push(await client.unary('x', { deadlineMs: 20_000 }));
  };
  const lanes = [lane(), lane(), lane(), lane()];
  return {
    answeredBy: (name) => outcomes.some((outcome) => outcome.replies[0]?.name === name),
    count: () => outcomes.length,
    async stop() {
      going = false;
      await Promise.all(lanes);
      return outcomes;
    },
  };
}

const failures = (outcomes: readonly Outcome[]) =>
  outcomes.filter((outcome) => outcome.code !== 0).map((outcome) => `${outcome.code}: ${outcome.details}`);

testWithEtcd('30 calls land 10/10/10, x-version: v2 only on v2, v9 is an error that counts the versions', async (t) => {
  const { client } = await setUp();
  const count = async (calls: number, version?: string) => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < calls; i++) {
      const outcome = await client.unary('x', { metadata: version ? [['x-version', version]] : [] });
      const name = outcome.replies[0]?.name ?? outcome.details;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };
  t.deepEqual(await count(30), { a: 10, b: 10, c: 10 });
  t.deepEqual(await count(10, 'v2'), { c: 10 });
  const nobody = await client.unary('x', { metadata: [['x-version', 'v9']] });
  t.is(nobody.code, 14);
  t.is(nobody.details, 'no match found conn: service "echo" has no instance of version "v9" (v1: 2, v2: 1)');
});

testWithEtcd('an instance takes calls within 100 ms of its put being visible', async (t) => {
  const { etcd, client, sidecar } = await setUp();
  const load = keepCalling(client);
  const delays: number[] = [];
  for (let i = 1; i <= 10; i++) {
    const name = `n${i}`;
    const server = await startServer(name, 'v1');
    // The put has returned: its revision is visible to everybody.
    await etcd.put(key(server), record(server));
    const visible = performance.now();
    await eventually(() => load.answeredBy(name));
    delays.push(performance.now() - visible);
  }
  t.deepEqual(failures(await load.stop()), []);
  // Other tests run beside this one: a single delay says as much about them. A machine of its own takes 3 to 20 ms.
  delays.sort((a, b) => a - b);
  t.true(
    (delays[6] as number) < 100 && (delays[9] as number) < 1_000,
    `took ${delays.map((delay) => delay.toFixed(0)).join(', ')} ms\n${sidecar.output()}`,
  );
});

testWithEtcd('an instance whose lease ends gets no more calls, and none fails', async (t) => {
  const { etcd, client, sidecar } = await setUp();
  const leaving = await startServer('leased', 'v1');
  // Nobody keeps it alive: it ends by itself, as that of a process that was killed.
  const lease = await etcd.grant(4);
  await etcd.put(key(leaving), record(leaving), lease);
  await sidecar.untilReady('echo', 4);
  const load = keepCalling(client);
  await eventually(() => load.answeredBy('leased'));
  await eventually(async () => {
    const listed = (await sidecar.service('echo'))?.instances ?? [];
    return !listed.some(({ address, state }) => address === leaving.address && state !== 'draining');
  }, 20_000);
  const taken = leaving.calls();
  const before = load.count();
  await eventually(() => load.count() > before + 100);
  t.true(leaving.calls() - taken <= 4, 'at most the calls that were under way');
  t.deepEqual(failures(await load.stop()), []);
});

testWithEtcd('a key that is deleted takes its instance out, one that comes back brings it back', async (t) => {
  const { etcd, client, servers, sidecar } = await setUp();
  const [a] = servers;
  if (!a) throw new Error('unreachable');
  const load = keepCalling(client);
  await etcd.delete(key(a));
  await sidecar.untilReady('echo', 2);
  await etcd.put(key(a), record(a));
  await sidecar.untilReady('echo', 3);
  const calls = a.calls();
  await eventually(() => a.calls() > calls);
  t.deepEqual(failures(await load.stop()), []);
});

/** For how long etcd stays away, in milliseconds. */
const AWAY_MS = 6_000;

testWithEtcd(
  'etcd is killed, stays away and comes back with another set: no call fails, and the set is right again',
  async (t) => {
    const { etcd, client, servers, sidecar } = await setUp();
    const [a] = servers;
    if (!a) throw new Error('unreachable');
    const load = keepCalling(client);
    await etcd.kill();
    const since = performance.now();
    await eventually(async () => (await sidecar.service('echo'))?.stale === true, 30_000);
    // Several attempts to reconnect, each after a longer wait, while calls never pause.
    await eventually(async () => {
      const before = load.count();
      await eventually(() => load.count() >= before + 20);
      return performance.now() - since > AWAY_MS;
    }, 30_000);
    t.is((await sidecar.service('echo'))?.instances.length, 3, 'the last good set is kept');
    await etcd.restart();
    const newcomer = await startServer('newcomer', 'v3');
    await etcd.put(key(newcomer), record(newcomer));
    await etcd.delete(key(a));
    await eventually(async () => {
      const listed = await sidecar.service('echo');
      const addresses = listed?.instances.filter(({ state }) => state === 'ready').map(({ address }) => address) ?? [];
      return listed?.stale === false && addresses.includes(newcomer.address) && !addresses.includes(a.address);
    }, 30_000);
    await eventually(() => load.answeredBy('newcomer'));
    t.deepEqual(failures(await load.stop()), []);
  },
);

testWithEtcd('history compacted while the watch was down is caught up with, without a call failing', async (t) => {
  const { etcd, client, servers, sidecar } = await setUp();
  const [a, b] = servers;
  if (!a || !b) throw new Error('unreachable');
  const load = keepCalling(client);
  await etcd.kill();
  await eventually(async () => (await sidecar.service('echo'))?.stale === true, 30_000);
  await etcd.restart();
  // Whether or not the watch is back already, the revisions it would ask for are gone.
  await etcd.delete(key(a));
  const revision = await etcd.put(key(b), record(b));
  await etcd.compact(revision);
  await sidecar.untilReady('echo', 2);
  t.deepEqual(failures(await load.stop()), []);
});

testWithEtcd('a sidecar that starts before etcd gets its instances as soon as etcd is there', async (t) => {
  const etcd = await startEtcd();
  stoppers.push(() => etcd.stop());
  const server = await startServer('late', 'v1');
  await etcd.put(key(server), record(server));
  await etcd.kill();
  const sidecar = await startSidecar({
    registries: { main: { type: 'etcd', endpoints: [etcd.endpoint] } },
    services: { echo: { path: '/services/echo/' } },
  });
  stoppers.push(() => sidecar.kill());
  await etcd.restart();
  await sidecar.untilReady('echo', 1);
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());
  t.is((await client.unary('x', { deadlineMs: 20_000 })).replies[0]?.name, 'late');
});

testWithEtcd('flags alone do: --etcd and --path find a service by its name', async (t) => {
  const etcd = await startEtcd();
  stoppers.push(() => etcd.stop());
  const server = await startServer('flagged', 'v1');
  await etcd.put(key(server), record(server));
  const sidecar = await startSidecar(null, {
    args: ['--etcd', etcd.endpoint, '--path', '/services/{service}/', '--listen', '127.0.0.1:0'].concat([
      '--admin',
      '127.0.0.1:0',
      '--telemetry',
      '127.0.0.1:0',
    ]),
  });
  stoppers.push(() => sidecar.kill());
  const client = connectEcho(sidecar.address, 'echo');
  stoppers.push(() => client.close());
  const outcome = await client.unary('x', { deadlineMs: 20_000 });
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.replies[0]?.name, 'flagged');
});

testWithEtcd(
  'records of all formats and a bad one side by side: the good ones are served, the bad one is named in the log',
  async (t) => {
    const etcd = await startEtcd();
    stoppers.push(() => etcd.stop());
    const [plain, go, node] = [
      await startServer('plain', 'v1'),
      await startServer('grpc', 'v1'),
      await startServer('node', 'v2'),
    ];
    await etcd.put('/services/echo/1', plain.address);
    await etcd.put('/services/echo/2', JSON.stringify({ Op: 0, Addr: go.address, Metadata: { version: 'v1' } }));
    await etcd.put('/services/echo/3', record(node));
    await etcd.put('/services/echo/this-is-no-record', '{"neither": "address nor anything"}');
    const sidecar = await startSidecar({
      registries: { main: { type: 'etcd', endpoints: [etcd.endpoint] } },
      services: { echo: { path: '/services/echo/' } },
    });
    stoppers.push(() => sidecar.kill());
    await sidecar.untilReady('echo', 3);
    const client = connectEcho(sidecar.address);
    stoppers.push(() => client.close());
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => client.unary('x')));
    t.deepEqual(answeredBy(outcomes), ['grpc', 'node', 'plain']);
    await eventually(() => sidecar.output().includes('/services/echo/this-is-no-record'));
  },
);

testWithEtcd('an etcd that refuses the password is said loudly, and services of other registries go on', async (t) => {
  const etcd = await startEtcd();
  stoppers.push(() => etcd.stop());
  await etcd.enableAuth('right');
  const server = await startServer('static', 'v1');
  const sidecar = await startSidecar({
    registries: {
      main: { type: 'etcd', endpoints: [etcd.endpoint], username: 'root', password: 'wrong' },
      here: { type: 'static' },
    },
    services: {
      locked: { registry: 'main', path: '/services/locked/' },
      echo: { registry: 'here', instances: [{ address: server.address }] },
    },
  });
  stoppers.push(() => sidecar.kill());
  await sidecar.untilReady('echo', 1);
  const client = connectEcho(sidecar.address, 'echo');
  const locked = connectEcho(sidecar.address, 'locked');
  stoppers.push(
    () => client.close(),
    () => locked.close(),
  );
  t.is((await client.unary('x')).code, 0);
  await eventually(() => /password|authenticat/i.test(sidecar.output()));
  const outcome = await locked.unary('x', { deadlineMs: 20_000 });
  t.is(outcome.code, 14);
  t.deepEqual(outcome.trailers.get('x-outrigger-reason'), ['no_instance']);
  t.false(sidecar.output().includes('wrong'), 'the password itself is never printed');
  t.is((await client.unary('x')).code, 0);
});
