import test, { type ExecutionContext } from 'ava';
import { answeredBy, connectEcho, type EchoClient, type Outcome } from '../support/echo_client.ts';
import { type GrpcProcess, startGrpcProcess } from '../support/grpc_process.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function setUp(instances: readonly GrpcProcess[]): Promise<{ sidecar: Sidecar; client: EchoClient }> {
  const sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: {
      echo: { registry: 'here', instances: instances.map(({ address, version }) => ({ address, version })) },
    },
  });
  stoppers.push(() => sidecar.kill());
  await sidecar.untilReady('echo', instances.length);
  const client = connectEcho(sidecar.address, 'echo');
  stoppers.push(() => client.close());
  return { sidecar, client };
}

async function start(name: string, options: { streams?: number; port?: number } = {}): Promise<GrpcProcess> {
  const instance = await startGrpcProcess({ name, ...options });
  stoppers.push(() => instance.kill());
  return instance;
}

function failures(outcomes: readonly Outcome[]): string[] {
  return [...new Set(outcomes.filter((o) => o.code !== 0).map((o) => `${o.code}: ${o.details}`))];
}

function assertNoneFailed(t: ExecutionContext, outcomes: readonly Outcome[]): void {
  t.deepEqual(
    failures(outcomes),
    [],
    `${outcomes.filter((o) => o.code !== 0).length} of ${outcomes.length} calls failed`,
  );
}

test.serial('10,000 calls at once over three instances that allow 100 streams each: none fails', async (t) => {
  const instances = await Promise.all(['a', 'b', 'c'].map((name) => start(name, { streams: 100 })));
  const { client } = await setUp(instances);
  const outcomes = await Promise.all(Array.from({ length: 10_000 }, (_, i) => client.unary(String(i))));
  assertNoneFailed(t, outcomes);
  t.true(
    outcomes.every((outcome, i) => outcome.replies[0]?.payload.toString() === String(i)),
    'answers are not mixed up',
  );
  for (const name of ['a', 'b', 'c']) {
    const share = outcomes.filter((outcome) => outcome.replies[0]?.name === name).length;
    t.true(share > 2_000, `${name} answered ${share} of 10,000`);
  }
});

test.serial('calls that wait for a free stream are answered when one comes free', async (t) => {
  const { client } = await setUp([await start('narrow', { streams: 1 })]);
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, () => client.unary('x', { metadata: [['echo-sleep-ms', '5']] })),
  );
  assertNoneFailed(t, outcomes);
});

/** Keeps `width` calls under way until `stop` is called; resolves with all outcomes. */
function keepCalling(client: EchoClient, width: number): { done: () => number; stop: () => Promise<Outcome[]> } {
  const outcomes: Outcome[] = [];
  let going = true;
  const lanes = Array.from({ length: width }, async () => {
    while (going) outcomes.push(await client.unary('x', { metadata: [['echo-sleep-ms', '1']], deadlineMs: 30_000 }));
  });
  return {
    done: () => outcomes.length,
    async stop() {
      going = false;
      await Promise.all(lanes);
      return outcomes;
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test.serial('a rolling restart (GOAWAY, drain, back on the same port) under load costs no call', async (t) => {
  const instances = await Promise.all(['a', 'b', 'c'].map((name) => start(name)));
  const { sidecar, client } = await setUp(instances);
  const load = keepCalling(client, 50);
  for (const instance of instances) {
    const before = load.done();
    await until(() => load.done() > before + 300);
    await instance.drain();
    const gone = load.done();
    await until(() => load.done() > gone + 300);
    await start(`${instance.name} again`, { port: instance.port });
    await sidecar.untilReady('echo', instances.length);
  }
  const before = load.done();
  await until(() => load.done() > before + 300);
  const outcomes = await load.stop();
  assertNoneFailed(t, outcomes);
  t.deepEqual(
    answeredBy(outcomes.slice(-200)),
    ['a again', 'b again', 'c again'],
    'restarted instances take calls again',
  );
});

test.serial('a call in flight is answered by an instance that is shutting down', async (t) => {
  const only = await start('only');
  const { client } = await setUp([only]);
  t.is((await client.unary('x')).code, 0);
  const slow = client.unary('x', { metadata: [['echo-sleep-ms', '300']] });
  await client.unary('x');
  const drained = only.drain();
  t.is((await slow).code, 0, 'the call in flight is answered by the draining instance');
  await drained;
});

test.serial('an instance that is killed fails only calls it had taken, and the others go on', async (t) => {
  const [victim, ...others] = await Promise.all(['a', 'b', 'c'].map((name) => start(name)));
  if (!victim) throw new Error('unreachable');
  const { client } = await setUp([victim, ...others]);
  const load = keepCalling(client, 20);
  await until(() => load.done() > 200);
  await victim.kill();
  const atKill = load.done();
  await until(() => load.done() > atKill + 500);
  const outcomes = await load.stop();
  const failed = outcomes.filter((outcome) => outcome.code !== 0);
  t.true(failed.length <= 20, `no more than the calls in flight may fail: ${failures(outcomes)} x ${failed.length}`);
  t.true(failed.every((outcome) => outcome.code === 14));
  assertNoneFailed(t, outcomes.slice(-300));
});
