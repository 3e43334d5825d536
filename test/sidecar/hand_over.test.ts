import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { connectEcho, type EchoClient } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free_port.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { type Http1Reply, requestOnce } from '../support/http1_once.ts';
import { runOutrigger, type Sidecar, startSidecar } from '../support/sidecar.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function setUp(more: object) {
  const server = await startGrpcServer();
  stoppers.push(() => server.stop());
  const [listen, admin, telemetry] = await Promise.all([freePort(), freePort(), freePort()]);
  const config = {
    listen: `127.0.0.1:${listen}`,
    admin: `127.0.0.1:${admin}`,
    telemetry: `127.0.0.1:${telemetry}`,
    registries: { here: { type: 'static' } },
    services: { echo: { registry: 'here', instances: [{ address: server.address }] } },
    ...more,
  };
  const start = async (): Promise<Sidecar> => {
    const sidecar = await startSidecar(config);
    stoppers.push(() => sidecar.kill());
    await eventually(async () => (await fetch(`${sidecar.telemetry}/ready`)).status === 200);
    return sidecar;
  };
  return { config, start };
}

/** Retries what certainly was not processed, as gRPC clients do when nobody tells them not to. */
const ORDINARY = { 'grpc.enable_retries': 1 };

/** Clients that connect for each call, others that stay on their connection for as long as it lasts, and bare connections. */
function keepConnecting(address: string) {
  const failures: string[] = [];
  const connects = { ok: 0, refused: 0, broken: 0 };
  let calls = 0;
  let going = true;
  const credentials = grpc.credentials.createInsecure();
  const call = async (client: EchoClient): Promise<void> => {
    const { code, details } = await client.unary('x', { deadlineMs: 20_000, patient: true });
    calls++;
    if (code !== 0) failures.push(`${code}: ${details}`);
  };
  const callOnce = async (): Promise<void> => {
    while (going) {
      const client = connectEcho(address, 'echo', credentials, ORDINARY);
      await call(client);
      client.close();
    }
  };
  const stay = async (): Promise<void> => {
    const client = connectEcho(address, 'echo', credentials, ORDINARY);
    while (going) await call(client);
    client.close();
  };
  const connectOnly = async (): Promise<void> => {
    while (going) {
      connects[await connectOnce(address)]++;
      await setTimeout(5);
    }
  };
  const lanes = [callOnce(), callOnce(), stay(), connectOnly()];
  return {
    calls: () => calls,
    connects,
    failures,
    async stop() {
      going = false;
      await Promise.all(lanes);
    },
  };
}

function connectOnce(address: string): Promise<'ok' | 'refused' | 'broken'> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host: host as string, port: Number(port) });
    socket.once('connect', () => {
      socket.destroy();
      resolve('ok');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' ? 'refused' : 'broken');
    });
  });
}

for (const workers of [1, 2]) {
  test.serial(
    `sidecar after sidecar takes the port over: of hundreds of connections none is refused, and no call fails (workers: ${workers})`,
    async (t) => {
      const { config, start } = await setUp({ reuse_port: true, workers });
      let sidecar = await start();
      const clients = keepConnecting(config.listen);
      try {
        for (let turn = 1; turn <= 3; turn++) {
          const next = await start();
          t.is(await sidecar.stop(), 0, sidecar.output());
          sidecar = next;
          const after = clients.calls();
          await eventually(() => clients.calls() > after + 20);
        }
      } finally {
        await clients.stop();
      }
      t.deepEqual(clients.failures, []);
      const { ok, refused, broken } = clients.connects;
      t.is(refused, 0);
      t.true(ok > 100, String(ok));
      // In the queue of a socket at the moment when it is closed: for the system to save (net.ipv4.tcp_migrate_req), or to reset.
      t.true(broken <= 2 + 0.01 * ok, `${broken} of ${ok}`);
    },
  );
}

test.serial(
  'a client that has connected and is slow to say what it wants is served while the sidecar ends',
  async (t) => {
    const { config, start } = await setUp({});
    const sidecar = await start();
    const slow = requestOnce(config.listen, 'echo', '/outrigger.test.Echo/Unary');
    await slow.connected;
    const ended = sidecar.stop();
    await eventually(() => /Told to stop/.test(sidecar.output()));
    slow.send();
    const reply: Http1Reply = await slow.reply;
    // grpc-js answers 415 to what is not gRPC: it is the instance that says so.
    t.is(reply.status, 415, reply.text);
    t.is(await ended, 0);
  },
);

for (const workers of [1, 2]) {
  test.serial(
    `without reuse_port, a second sidecar on the port is told that it is in use (workers: ${workers})`,
    async (t) => {
      const { config, start } = await setUp({ workers });
      await start();
      const args = ['run', '--static', 'echo=127.0.0.1:1', '--listen', config.listen, '--workers', String(workers)];
      const others = ['--admin', '127.0.0.1:0', '--telemetry', '127.0.0.1:0'];
      const second = await runOutrigger([...args, ...others]);
      t.is(second.code, 1);
      t.regex(second.output, /cannot listen on 127\.0\.0\.1:\d+: the address is in use/);
    },
  );
}
