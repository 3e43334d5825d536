import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { type EtcdServer, startEtcd } from '../support/etcd.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { startProcess } from '../support/process.ts';
import { present } from '../support/requires.ts';
import { ANY_PORTS, MAIN, runOutrigger, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const PATH = '/services/app/';
const LONG = 60_000;

/** The addresses that are registered. */
async function addresses(etcd: EtcdServer): Promise<string[]> {
  return Object.values(await etcd.list(PATH)).map(
    (value) => (JSON.parse(value) as { node: { address: string } }).node.address,
  );
}

async function setUp(): Promise<{ etcd: EtcdServer; app: GrpcServer; stop(): Promise<void> }> {
  const [etcd, app] = await Promise.all([startEtcd(), startGrpcServer()]);
  return {
    etcd,
    app,
    async stop() {
      app.stop();
      await etcd.stop();
    },
  };
}

function configOf(etcd: EtcdServer, app: GrpcServer, register: object = {}): object {
  return {
    registries: { main: { type: 'etcd', endpoints: [etcd.endpoint] }, here: { type: 'static' } },
    services: { echo: { registry: 'here', instances: [{ address: app.address }] } },
    register: [
      {
        service: 'app',
        registry: 'main',
        port: app.port,
        version: 'v2',
        ttl: '10s',
        health: { grpc: '', interval: '200ms', fall: 2 },
        ...register,
      },
    ],
  };
}

const etcdTest = present('etcd') ? test : test.skip;

etcdTest(
  'an app is registered while it is well, and taken out first thing on SIGTERM, while a long call still drains',
  async (t) => {
    const { etcd, app, stop } = await setUp();
    app.health(false);
    const sidecar = await startSidecar(configOf(etcd, app));
    const client = connectEcho(sidecar.address, 'echo');
    try {
      const registrations = async () =>
        (await (await fetch(`${sidecar.admin}/registrations`)).json()) as {
          state: string;
          reason: string;
          address: string;
        }[];
      await eventually(async () => /NOT_SERVING/.test((await registrations())[0]?.reason ?? ''), LONG);
      t.deepEqual(await addresses(etcd), []);
      app.health(true);
      // Its host is the one from which etcd is reached.
      await eventually(async () => (await addresses(etcd)).join() === app.address, LONG);
      t.is((await registrations())[0]?.state, 'registered');
      t.regex(
        await (await fetch(`${sidecar.telemetry}/metrics`)).text(),
        /^outrigger_registrations\{service="app",registry="main",state="registered"\} 1$/m,
      );
      app.health(false);
      await eventually(async () => (await addresses(etcd)).length === 0, LONG);
      app.health(true);
      await eventually(async () => (await addresses(etcd)).length === 1, LONG);

      const call = client.unary('long', { metadata: [['echo-sleep-ms', '4000']] });
      let over = false;
      void call.then(() => {
        over = true;
      });
      await eventually(() => app.calls() === 1);
      sidecar.process.signal('SIGTERM');
      await eventually(async () => (await addresses(etcd)).length === 0, LONG);
      t.false(over, 'taken out before the call in flight has ended');
      t.is((await call).code, 0);
      t.is(await sidecar.process.exited, 0, sidecar.output());
    } finally {
      client.close();
      await sidecar.kill();
      await stop();
    }
  },
);

etcdTest('a sidecar that was frozen for longer than its TTL puts the record back', async (t) => {
  const { etcd, app, stop } = await setUp();
  const sidecar = await startSidecar(configOf(etcd, app));
  try {
    await eventually(async () => (await addresses(etcd)).length === 1, LONG);
    const leases = await etcd.leases();
    sidecar.process.signal('SIGSTOP');
    await eventually(async () => (await addresses(etcd)).length === 0, LONG);
    sidecar.process.signal('SIGCONT');
    await eventually(async () => (await addresses(etcd)).length === 1, LONG);
    t.notDeepEqual(await etcd.leases(), leases);
  } finally {
    sidecar.process.signal('SIGCONT');
    await sidecar.kill();
    await stop();
  }
});

/** An app that tells, when it is told to stop, whether it can still be found. */
const APP = `
const server = require('node:net').createServer().listen(Number(process.argv[1]), '127.0.0.1');
process.on('SIGTERM', async () => {
  const answer = await fetch(process.argv[2] + '/v3/kv/range', { method: 'POST', body: JSON.stringify({
    key: Buffer.from('${PATH}').toString('base64'), range_end: Buffer.from('/services/app0').toString('base64') }) });
  console.log('FOUND', (await answer.json()).count ?? 0);
  process.exit(7);
});
console.log('APP UP');
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

for (const command of ['register', 'run'] as const) {
  etcdTest(
    `outrigger ${command} -- app: registers it when it listens, takes it out, then tells it to stop`,
    async (t) => {
      const etcd = await startEtcd();
      const port = await freePort();
      const directory = temporaryDirectory();
      const file = join(directory, 'outrigger.yaml');
      const registries = { main: { type: 'etcd', endpoints: [etcd.endpoint] } };
      writeFileSync(file, JSON.stringify({ ...ANY_PORTS, registries, register: [{ service: 'app', port }] }));
      const how =
        command === 'run' ? ['--config', file] : ['--etcd', etcd.endpoint, '--service', 'app', '--port', String(port)];
      const child = startProcess(
        process.execPath,
        [MAIN, command, ...how, '--', process.execPath, '-e', APP, String(port), etcd.endpoint],
        { cwd: directory },
      );
      try {
        await child.waitFor(/APP UP/);
        await eventually(async () => (await addresses(etcd)).join() === `127.0.0.1:${port}`, LONG);
        child.signal('SIGTERM');
        t.is(await child.exited, 7, child.output());
        t.regex(child.stdout(), /FOUND 0/);
      } finally {
        await child.kill();
        await etcd.stop();
      }
    },
  );
}

test('a loopback address is refused when the registry is elsewhere, unless that is wanted', async (t) => {
  const directory = temporaryDirectory();
  const file = join(directory, 'outrigger.yaml');
  const check = async (entry: object) => {
    const registries = { main: { type: 'etcd', endpoints: ['http://etcd.example:2379'] } };
    writeFileSync(file, JSON.stringify({ registries, register: [{ service: 'app', ...entry }] }));
    return await runOutrigger(['check', '--config', file]);
  };
  const refused = await check({ address: '127.0.0.1:8089' });
  t.is(refused.code, 2);
  t.regex(refused.output, /register\[0\]\.address.*loopback address/);
  const wanted = await check({ address: '127.0.0.1:8089', allow_loopback: true });
  t.is(wanted.code, 0, wanted.output);
});

test('outrigger register says what is missing, and exits with 2', async (t) => {
  const nowhere = await runOutrigger(['register', '--etcd', 'http://127.0.0.1:1', '--service', 'app']);
  t.is(nowhere.code, 2);
  t.regex(nowhere.output, /address.*is missing/);
  const nobody = await runOutrigger(['register', '--port', '1']);
  t.is(nobody.code, 2);
  t.regex(nobody.output, /--port needs --service/);
});
