import test from 'ava';
import { connectEcho, type EchoClient, type Pairs } from '../support/echo_client.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

let servers: GrpcServer[] = [];
let sidecar: Sidecar;
const clients: EchoClient[] = [];

test.before(async () => {
  servers = await Promise.all([
    startGrpcServer({ name: 'a', version: 'v1' }),
    startGrpcServer({ name: 'b', version: 'v1' }),
    startGrpcServer({ name: 'c', version: 'v2' }),
  ]);
  const instances = servers.map(({ address, version }) => ({ address, version }));
  const service = (extra: object) => ({ registry: 'here', instances, ...extra });
  sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: {
      turn: service({}),
      plain: service({}),
      chance: service({ balance: 'random' }),
      pinned: service({ version: { default: 'v2' } }),
      lenient: service({ version: { fallback: 'any' } }),
      ordered: service({ version: { fallback: ['v7', 'v2', 'v1'] } }),
      renamed: service({ version: { header: 'x-api' } }),
    },
  });
  for (const name of ['turn', 'plain', 'chance', 'pinned', 'lenient', 'ordered', 'renamed']) {
    await sidecar.untilReady(name, servers.length);
  }
});

test.after.always(async () => {
  for (const client of clients) client.close();
  await sidecar?.kill();
  for (const server of servers) server.stop();
});

/** Makes `calls` calls one after the other and counts who answered. */
async function count(service: string, calls: number, metadata: Pairs = []): Promise<Record<string, number>> {
  const client = connectEcho(sidecar.address, service);
  clients.push(client);
  const counts: Record<string, number> = {};
  for (let i = 0; i < calls; i++) {
    const outcome = await client.unary('x', { metadata, deadlineMs: 20_000 });
    if (outcome.code !== 0) throw new Error(`status ${outcome.code}: ${outcome.details}`);
    const name = outcome.replies[0]?.name ?? '?';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const v = (version: string): Pairs => [['x-version', version]];

test.serial('30 calls without a header land 10/10/10 on three instances', async (t) => {
  t.deepEqual(await count('turn', 30), { a: 10, b: 10, c: 10 });
});

test.serial('30 calls at once land 10/10/10 as well', async (t) => {
  const client = connectEcho(sidecar.address, 'plain');
  clients.push(client);
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => client.unary('x')));
  const names = outcomes.map((outcome) => outcome.replies[0]?.name);
  for (const name of ['a', 'b', 'c']) t.is(names.filter((found) => found === name).length, 10, name);
});

test.serial('random reaches every instance', async (t) => {
  // The chance that one of three is left out of 120 is 3 * (2/3)^120: never.
  t.deepEqual(Object.keys(await count('chance', 120)).sort(), ['a', 'b', 'c']);
});

test.serial('x-version leaves only the instances registered with that version, in turn', async (t) => {
  t.deepEqual(await count('turn', 10, v('v1')), { a: 5, b: 5 });
  t.deepEqual(await count('turn', 10, v('v2')), { c: 10 });
});

test.serial('a version that nobody has is status 14, and the message counts the versions there are', async (t) => {
  const client = connectEcho(sidecar.address, 'turn');
  clients.push(client);
  const outcome = await client.unary('x', { metadata: v('v9') });
  t.is(outcome.code, 14);
  t.is(outcome.details, 'no match found conn: service "turn" has no instance of version "v9" (v1: 2, v2: 1)');
  t.deepEqual(outcome.trailers.get('x-outrigger-reason'), ['no_version']);
});

test.serial('version.default is the version of calls without a header, and only of those', async (t) => {
  t.deepEqual(await count('pinned', 6), { c: 6 });
  t.deepEqual(await count('pinned', 6, v('v1')), { a: 3, b: 3 });
});

test.serial('version.fallback any serves a missing version from all instances', async (t) => {
  t.deepEqual(await count('lenient', 9, v('v9')), { a: 3, b: 3, c: 3 });
});

test.serial('version.fallback takes the first version of its list that somebody has', async (t) => {
  t.deepEqual(await count('ordered', 6, v('v9')), { c: 6 });
});

test.serial('version.header names another header, and x-version then means nothing', async (t) => {
  t.deepEqual(await count('renamed', 4, [['x-api', 'v2']]), { c: 4 });
  t.deepEqual(await count('renamed', 6, v('v2')), { a: 2, b: 2, c: 2 });
});

test.serial('x-version is forwarded, so that the next hop can choose too', async (t) => {
  const client = connectEcho(sidecar.address, 'turn');
  clients.push(client);
  const outcome = await client.unary('x', { metadata: [...v('v2'), ['echo-show', 'x-version']] });
  t.deepEqual(outcome.headers?.get('shown-x-version'), ['v2']);
});

test.serial('x-outrigger-debug tells which instance answered, its version and the attempts', async (t) => {
  const client = connectEcho(sidecar.address, 'turn');
  clients.push(client);
  const outcome = await client.unary('x', {
    metadata: [
      ['x-version', 'v2'],
      ['x-outrigger-debug', '1'],
    ],
  });
  t.is(outcome.code, 0, outcome.details);
  t.deepEqual(outcome.headers?.get('x-outrigger-instance'), [servers[2]?.address ?? '']);
  t.deepEqual(outcome.headers?.get('x-outrigger-version'), ['v2']);
  t.deepEqual(outcome.headers?.get('x-outrigger-attempts'), ['1']);
});
