import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

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
