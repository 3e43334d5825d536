import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BALANCE_POLICIES } from '../../src/model/balancing.ts';
import { connectEcho, type Pairs } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const ZONES = ['here', 'here', 'there', 'there'];

async function setUp(t: ExecutionContext, services: Record<string, object>, config: object = {}) {
  const servers = await Promise.all(NAMES.map((name) => startGrpcServer({ name })));
  t.teardown(() => {
    for (const server of servers) server.stop();
  });
  const instances = servers.map(({ address }, index) => ({ address, zone: ZONES[index], weight: index + 1 }));
  const sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: Object.fromEntries(
      Object.entries(services).map(([name, keys]) => [name, { registry: 'here', instances, ...keys }]),
    ),
    ...config,
  });
  t.teardown(() => sidecar.kill());
  const count = async (service: string, calls: number, metadata: Pairs = []): Promise<Record<string, number>> => {
    const client = connectEcho(sidecar.address, service);
    const counts: Record<string, number> = {};
    for (let i = 0; i < calls; i++) {
      const outcome = await client.unary('x', { metadata, deadlineMs: 20_000 });
      t.is(outcome.code, 0, outcome.details);
      const name = outcome.replies[0]?.name ?? '?';
      counts[name] = (counts[name] ?? 0) + 1;
    }
    client.close();
    return counts;
  };
  return { sidecar, servers, count };
}

async function metric(sidecar: Sidecar, line: string): Promise<number> {
  const text = await (await fetch(`${sidecar.telemetry}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((found) => found.startsWith(line))
      ?.slice(line.length) ?? Number.NaN,
  );
}

test('every policy answers calls in a sidecar that runs, by what it goes by', async (t) => {
  const services: Record<string, object> = Object.fromEntries(
    BALANCE_POLICIES.map((balance) => [balance, { balance }]),
  );
  services.by_header = { balance: 'ring_hash', hash_on: { header: 'x-user' } };
  services.near = { zone: 'prefer' };
  const { sidecar, count } = await setUp(t, services, { app: { zone: 'here' } });
  for (const name of Object.keys(services)) await sidecar.untilReady(name, NAMES.length);
  for (const balance of BALANCE_POLICIES) {
    const counts = await count(balance, 40);
    t.is(
      Object.values(counts).reduce((a, b) => a + b, 0),
      40,
      balance,
    );
    if (balance === 'round_robin') t.deepEqual(counts, { a: 10, b: 10, c: 10, d: 10 });
    if (balance === 'pick_first') t.deepEqual(counts, { d: 40 });
    if (balance === 'weighted_round_robin') {
      for (const [index, name] of NAMES.entries())
        t.true(Math.abs((counts[name] ?? 0) - 4 * (index + 1)) <= 1, JSON.stringify(counts));
    }
  }
  for (const user of ['ann', 'bob']) t.is(Object.keys(await count('by_header', 6, [['x-user', user]])).length, 1);
  t.deepEqual(await count('near', 20), { a: 10, b: 10 });
});

test('subset: the sidecar connects to as many as it says; the others are listed as spare', async (t) => {
  const { sidecar, count } = await setUp(t, { part: { subset: 2 } }, { app: { id: 'pod-7' } });
  const states = async (): Promise<string[]> =>
    ((await sidecar.service('part'))?.instances ?? []).map(({ state }) => state).sort();
  await eventually(async () => (await states()).join() === 'ready,ready,spare,spare');
  t.deepEqual(Object.values(await count('part', 20)), [10, 10]);
  t.is(await metric(sidecar, 'outrigger_instances{service="part",version="",state="spare"} '), 2);
});

test('a policy of the user’s own is loaded, followed as its file changes, and replaced where it fails', async (t) => {
  const { sidecar, count } = await setUp(t, { own: { balance: './my_policy.ts' } });
  const file = join(dirname(sidecar.configFile), 'my_policy.ts');
  await sidecar.untilReady('own', NAMES.length);
  t.deepEqual(await count('own', 8), { a: 2, b: 2, c: 2, d: 2 }, 'there is no file yet: round robin');
  const faults = 'outrigger_policy_faults_total{service="own"} ';
  await eventually(async () => (await metric(sidecar, faults)) >= 1);
  const replace = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  replace('export default (all: readonly unknown[]) => ({ pick: (): number => all.length - 1 });');
  await eventually(async () => Object.keys(await count('own', 2)).length === 1);
  t.is(Object.keys(await count('own', 8)).length, 1);
  copyFileSync(new URL('../../config/my_policy.ts', import.meta.url), file);
  await eventually(async () => Object.keys(await count('own', 8)).length > 1);
  const before = await metric(sidecar, faults);
  replace('export default () => ({ pick() { throw new Error("not today"); } });');
  await eventually(async () => {
    const spread = Object.keys(await count('own', 4)).length === 4;
    return spread && (await metric(sidecar, faults)) > before;
  });
  t.is(sidecar.output().split('not today').length - 1, 1, 'told once');
});
