import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { startProcess } from '../support/process.ts';
import { MAIN, runOutrigger, type Sidecar, startSidecar } from '../support/sidecar.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function setUp(): Promise<{ server: GrpcServer; sidecar: Sidecar }> {
  const server = await startGrpcServer();
  stoppers.push(() => server.stop());
  const sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: { echo: { registry: 'here', instances: [{ address: server.address }] } },
  });
  stoppers.push(() => sidecar.kill());
  return { server, sidecar };
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test.serial(`${signal} lets the calls in flight finish, then exits with 0`, async (t) => {
    const { server, sidecar } = await setUp();
    const client = connectEcho(sidecar.address);
    stoppers.push(() => client.close());
    const inFlight = client.unary('last words', { metadata: [['echo-sleep-ms', '700']] });
    const streaming = client.serverStream('x', {
      metadata: [
        ['echo-sleep-ms', '50'],
        ['echo-replies', '15'],
      ],
    });
    await eventually(() => server.calls() === 2);
    sidecar.process.signal(signal);
    const [unary, stream] = await Promise.all([inFlight, streaming]);
    t.is(unary.code, 0, unary.details);
    t.is(unary.replies[0]?.payload.toString(), 'last words');
    t.is(stream.code, 0, stream.details);
    t.is(stream.replies.length, 15);
    t.is(await sidecar.process.exited, 0, sidecar.output());
  });
}

test.serial('an idle sidecar exits at once, connections of clients or not', async (t) => {
  const { sidecar } = await setUp();
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());
  t.is((await client.unary('x')).code, 0);
  const before = Date.now();
  t.is(await sidecar.stop(), 0, sidecar.output());
  t.true(Date.now() - before < 5_000, `took ${Date.now() - before} ms`);
});

test.serial('a client that goes away takes its calls with it and nothing else', async (t) => {
  const { server, sidecar } = await setUp();
  const leaving = connectEcho(sidecar.address);
  const staying = connectEcho(sidecar.address);
  stoppers.push(() => staying.close());
  const abandoned = leaving.unary('x', {
    metadata: [
      ['echo-sleep-ms', '20000'],
      ['echo-id', 'abandoned'],
    ],
    onCall: (call) => {
      void eventually(() => server.seen('abandoned').started === 1).then(() => call.cancel());
    },
  });
  t.is((await abandoned).code, 1);
  leaving.close();
  await eventually(() => server.seen('abandoned').cancelled === 1);
  t.is((await staying.unary('x')).code, 0);
});

const FLAGS = [
  '--static',
  'echo=127.0.0.1:1',
  '--listen',
  '127.0.0.1:0',
  '--admin',
  '127.0.0.1:0',
  '--telemetry',
  '127.0.0.1:0',
];

test.serial('a wrapped app ends the sidecar with its own exit code', async (t) => {
  const app = [process.execPath, '-e', 'console.log("the app ran"); process.exitCode = 7'];
  const { code, output } = await runOutrigger(['run', ...FLAGS, '--', ...app]);
  t.is(code, 7, output);
  t.regex(output, /the app ran/);
});

test.serial('SIGTERM reaches a wrapped app, and both end', async (t) => {
  const app = [process.execPath, '-e', 'console.log("app", process.pid, "is up"); setInterval(() => {}, 1000)'];
  const sidecar = startProcess(process.execPath, [MAIN, 'run', ...FLAGS, '--', ...app]);
  stoppers.push(() => sidecar.kill());
  const pid = Number((await sidecar.waitFor(/app (\d+) is up/))[1]);
  sidecar.signal('SIGTERM');
  t.is(await sidecar.exited, 0, sidecar.output());
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

test.serial('a wrapped app that cannot be started is named, and the sidecar does not stay without it', async (t) => {
  const { code, output } = await runOutrigger(['run', ...FLAGS, '--', '/no/such/app']);
  t.is(code, 1, output);
  t.regex(output, /\/no\/such\/app/);
});
