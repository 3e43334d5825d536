import { BroadcastChannel } from 'node:worker_threads';
import test from 'ava';
import { systemClock } from '../../src/base/clock.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type Sidecar, startSidecar } from '../../src/sidecar.ts';
import { connectEcho } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { recordingLog } from '../support/recording_log.ts';
import { ANY_PORTS } from '../support/sidecar.ts';

async function start(workers: number, instances: readonly { address: string }[]) {
  const text = JSON.stringify({
    ...ANY_PORTS,
    workers,
    registries: { here: { type: 'static' } },
    services: { echo: { registry: 'here', instances } },
  });
  const loaded = loadConfig({ file: { name: 'test', text, directory: '/' }, flags: {}, env: {}, cwd: '/' });
  if (loaded.kind !== 'config') throw new Error(JSON.stringify(loaded.problems));
  const log = recordingLog();
  const sidecar = await startSidecar({
    config: loaded.config,
    log: { ...log, level: 'debug', setLevel() {} },
    clock: systemClock,
    version: 'test',
    shutdown() {},
    dataThread: new URL('../support/crashing_thread.ts', import.meta.url),
  });
  return { sidecar, log };
}

async function metric(sidecar: Sidecar, name: string): Promise<number> {
  const text = await (await fetch(`http://${sidecar.telemetry}/metrics`)).text();
  let total = 0;
  for (const line of text.split('\n')) if (line.startsWith(name)) total += Number(line.split(' ').at(-1));
  return total;
}

for (const workers of [1, 2]) {
  test.serial(
    `a data thread that dies is restarted on the same port, logged and counted (workers: ${workers})`,
    async (t) => {
      const server = await startGrpcServer({ name: 'a', version: 'v1' });
      const { sidecar, log } = await start(workers, [{ address: server.address }]);
      const address = sidecar.listen[0] as string;
      const crash = new BroadcastChannel('outrigger-test-crash');
      let client = connectEcho(address);
      try {
        for (let i = 0; i < 5; i++) t.is((await client.unary('x')).code, 0);
        client.close();
        crash.postMessage('now');
        await eventually(async () => (await metric(sidecar, 'outrigger_data_thread_restarts_total')) === workers);
        client = connectEcho(address);
        await eventually(async () => (await client.unary('x')).code === 0);
        const deaths = log.lines.filter(({ level }) => level === 'error');
        t.is(deaths.length, workers, JSON.stringify(deaths));
        t.regex(deaths[0]?.message ?? '', /data thread died/);
        t.regex(String(deaths[0]?.fields.reason), /crash asked for by a test/);
        // The last one is counted right after its answer has left.
        await eventually(async () => (await metric(sidecar, 'outrigger_requests_total')) >= 6);
        t.is(await metric(sidecar, 'outrigger_in_flight_requests'), 0);
      } finally {
        client.close();
        crash.close();
        await sidecar.stop();
        server.stop();
      }
    },
  );
}

test.serial(
  'calls that a data thread dies under end with status 14 at once, and the next ones are served',
  async (t) => {
    const server = await startGrpcServer({ name: 'a', version: 'v1' });
    const { sidecar } = await start(1, [{ address: server.address }]);
    const crash = new BroadcastChannel('outrigger-test-crash');
    const client = connectEcho(sidecar.listen[0] as string);
    try {
      const slow = { metadata: [['echo-sleep-ms', '3600000']] as const };
      const unary = client.unary('x', slow);
      const begun = { metadata: [...slow.metadata, ['echo-headers-first', '1'], ['echo-status', '5']] as const };
      const streaming = client.serverStream('x', begun);
      await eventually(() => server.calls() === 2);
      crash.postMessage('now');
      for (const { code, details } of await Promise.all([unary, streaming])) t.is(code, 14, details);
      // The instance is told, too: nobody waits for its answer any more.
      await eventually(() => server.seen('').cancelled === 2);
      await eventually(async () => (await client.unary('x')).code === 0);
    } finally {
      client.close();
      crash.close();
      await sidecar.stop();
      server.stop();
    }
  },
);

test.serial('a data thread that dies after POST /drain does not come back to listen', async (t) => {
  const { sidecar, log } = await start(1, [{ address: '127.0.0.1:1' }]);
  const crash = new BroadcastChannel('outrigger-test-crash');
  try {
    t.is((await fetch(`http://${sidecar.admin}/drain`, { method: 'POST' })).status, 202);
    crash.postMessage('now');
    await eventually(() => log.messages('error').length === 1);
    t.regex(log.messages('error').join(), /died while it drained/);
    t.is(await metric(sidecar, 'outrigger_data_thread_restarts_total'), 0);
  } finally {
    crash.close();
    await sidecar.stop();
  }
});
