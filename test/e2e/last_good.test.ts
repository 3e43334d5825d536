import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { startEtcd } from '../support/etcd.ts';
import { eventually } from '../support/eventually.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { present } from '../support/requires.ts';
import { startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const LONG = 60_000;
const etcdTest = present('etcd') ? test : test.skip;

etcdTest('a sidecar that starts while etcd is away serves the last good set, and says that it is stale', async (t) => {
  const [etcd, one, two] = await Promise.all([
    startEtcd(),
    startGrpcServer({ name: 'one' }),
    startGrpcServer({ name: 'two' }),
  ]);
  const config = {
    registries: { main: { type: 'etcd', endpoints: [etcd.endpoint] } },
    services: { echo: { path: '/services/echo/' } },
    state_dir: join(temporaryDirectory(), 'state'),
  };
  await etcd.put('/services/echo/one', one.address);
  try {
    const first = await startSidecar(config);
    await first.untilReady('echo', 1);
    t.is(await first.stop(), 0, first.output());

    await etcd.kill();
    const second = await startSidecar(config);
    const client = connectEcho(second.address, 'echo');
    try {
      await second.untilReady('echo', 1);
      t.true((await second.service('echo'))?.stale);
      const outcome = await client.unary('x');
      t.is(outcome.replies[0]?.name, 'one', outcome.details);
      t.regex(
        await (await fetch(`${second.telemetry}/metrics`)).text(),
        /^outrigger_service_stale\{service="echo"\} 1$/m,
      );
      await etcd.restart();
      await etcd.put('/services/echo/two', two.address);
      await eventually(async () => {
        const service = await second.service('echo');
        return service?.stale === false && service.instances.length === 2;
      }, LONG);
    } finally {
      client.close();
      await second.kill();
    }
  } finally {
    one.stop();
    two.stop();
    await etcd.stop();
  }
  t.pass();
});

test('a state_dir that cannot be written is a warning, and the sidecar works', async (t) => {
  const server = await startGrpcServer();
  const directory = temporaryDirectory();
  const records = join(directory, 'instances.yaml');
  await writeFile(records, JSON.stringify({ services: { echo: [server.address] } }));
  const sidecar = await startSidecar({
    registries: { files: { type: 'file', path: records } },
    services: { echo: {} },
    // A file where the directory should be.
    state_dir: records,
  });
  try {
    await sidecar.untilReady('echo', 1);
    await sidecar.process.waitFor(/last good instances cannot be kept on disk.*/, LONG);
    t.is(await sidecar.stop(), 0, sidecar.output());
  } finally {
    await sidecar.kill();
    server.stop();
  }
});
