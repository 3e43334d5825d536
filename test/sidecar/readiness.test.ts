import { BroadcastChannel } from 'node:worker_threads';
import test from 'ava';
import { systemClock } from '../../src/base/clock.ts';
import { loadConfig } from '../../src/config/load.ts';
import { startSidecar } from '../../src/sidecar.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free_port.ts';
import { recordingLog } from '../support/recording_log.ts';
import { ANY_PORTS } from '../support/sidecar.ts';

test('/ready says no until requests are listened for, though all services are known', async (t) => {
  const telemetry = `127.0.0.1:${await freePort()}`;
  const text = JSON.stringify({
    ...ANY_PORTS,
    telemetry,
    registries: { here: { type: 'static' } },
    services: { echo: { instances: [{ address: '127.0.0.1:1' }] } },
  });
  const loaded = loadConfig({ file: { name: 'test', text, directory: '/' }, flags: {}, env: {}, cwd: '/' });
  if (loaded.kind !== 'config') throw new Error(JSON.stringify(loaded.problems));
  const started = startSidecar({
    config: loaded.config,
    log: { ...recordingLog(), level: 'debug', setLevel() {} },
    clock: systemClock,
    version: 'test',
    shutdown() {},
    dataThread: new URL('../support/late_thread.ts', import.meta.url),
  });
  const ready = async () => {
    const response = await fetch(`http://${telemetry}/ready`).catch(() => null);
    if (response === null) return null;
    const { reasons } = (await response.json()) as { reasons: string[] };
    return { status: response.status, reasons };
  };
  const early = await eventually(async () => (await ready()) ?? false);
  t.deepEqual(early, { status: 503, reasons: ['the data threads have not begun to listen'] });
  const listen = new BroadcastChannel('outrigger-test-listen');
  await eventually(async () => {
    listen.postMessage('now');
    return (await ready())?.status === 200;
  });
  listen.close();
  await (await started).stop();
});
