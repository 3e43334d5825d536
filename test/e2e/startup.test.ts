import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { eventually } from '../support/eventually.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { type Process, startProcess } from '../support/process.ts';
import { ANY_PORTS, MAIN, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

/** Runs `config` until the last line of the start-up print is there. */
async function start(config: object, app: readonly string[] = []): Promise<Process> {
  const file = join(temporaryDirectory(), 'outrigger.yaml');
  writeFileSync(file, JSON.stringify({ ...ANY_PORTS, ...config }));
  const command = app.length === 0 ? [] : ['--', ...app];
  const sidecar = startProcess(process.execPath, [MAIN, 'run', '--config', file, ...command]);
  stoppers.push(() => sidecar.kill());
  await sidecar.waitFor(/\(status 12 is fine too/);
  return sidecar;
}

async function ready(telemetry: string): Promise<{ ready: boolean; reasons: string[] }> {
  return (await (await fetch(`${telemetry}/ready`)).json()) as { ready: boolean; reasons: string[] };
}

test.serial('a socket to listen on gets a call to copy, too, and it works', async (t) => {
  const server = await startGrpcServer();
  stoppers.push(() => server.stop());
  const socket = join(temporaryDirectory(), "the app's.sock");
  const sidecar = await start({
    listen: `unix:${socket}`,
    registries: { here: { type: 'static' } },
    services: { echo: { instances: [{ address: server.address }] } },
  });
  const call = (await sidecar.waitFor(/^ +(printf .*curl .*)$/m))[1] as string;
  t.regex(call, /curl -sS --unix-socket '.*' .* http:\/\/localhost\/grpc/);
  const curl = startProcess('sh', ['-c', call], { closeStdin: true });
  stoppers.push(() => curl.kill());
  await curl.waitFor(/x-outrigger-instance: /);
});

test.serial('an address for all interfaces is printed as one that can be opened here', async (t) => {
  const sidecar = await start({
    telemetry: '0.0.0.0:0',
    registries: { here: { type: 'static' } },
    services: { echo: { instances: [{ address: '127.0.0.1:1' }] } },
  });
  const pattern = /telemetry on (http:\/\/127\.0\.0\.1:\d+)\/metrics \(all interfaces\)$/m;
  const [, telemetry] = await sidecar.waitFor(pattern);
  t.is((await fetch(`${telemetry}/live`)).status, 200);
});

test.serial('around an app, nothing of ours goes to its standard output', async (t) => {
  const config = {
    registries: { here: { type: 'static' } },
    services: { echo: { instances: [{ address: '127.0.0.1:1' }] } },
  };
  const app = [process.execPath, '-e', 'console.log("mine"); setInterval(() => {}, 1000);'];
  const sidecar = await start(config, app);
  await sidecar.waitFor(/mine/);
  // Killed, it would leave the app behind.
  sidecar.signal('SIGTERM');
  await sidecar.exited;
  t.is(sidecar.stdout(), 'mine\n');
  t.regex(sidecar.stderr(), /listening on/);
});

for (const how of ['SIGTERM', 'POST /shutdown'] as const) {
  test.serial(`the log says by what the end came, and that it is over (${how})`, async (t) => {
    const sidecar = await startSidecar({
      registries: { here: { type: 'static' } },
      services: { echo: { instances: [{ address: '127.0.0.1:1' }] } },
    });
    stoppers.push(() => sidecar.kill());
    if (how === 'SIGTERM') sidecar.process.signal('SIGTERM');
    else await fetch(`${sidecar.admin}/shutdown`, { method: 'POST' });
    t.is(await sidecar.process.exited, 0, sidecar.output());
    const log = sidecar.process.stderr().trim().split('\n');
    const lines = log.map((line) => JSON.parse(line) as Record<string, unknown>);
    // What the instance does meanwhile is told whenever it is known.
    const own = lines.filter(({ instance }) => instance === undefined).slice(-2);
    t.deepEqual(
      own.map(({ msg, by }) => [msg, by]),
      [
        ['Told to stop: requests in flight may finish.', how],
        ['Stopped.', undefined],
      ],
    );
  });
}

test.serial(
  'a registry that only discover uses is asked at the start, and /ready waits until it answers',
  async (t) => {
    const path = join(temporaryDirectory(), 'instances.yaml');
    const sidecar = await startSidecar({
      registries: { records: { type: 'file', path } },
      discover: { registry: 'records', path: '/services/{service}/' },
    });
    stoppers.push(() => sidecar.kill());
    await sidecar.process.waitFor(/registry records: file .* \(not reachable: ENOENT.*\)/);
    await sidecar.process.waitFor(/^ {2}any service: looked up/m);
    await sidecar.process.waitFor(/"level":"warn".*"reason":"file_missing","hint":"Create the file/);
    const { telemetry } = sidecar;
    t.deepEqual(await ready(telemetry), {
      ready: false,
      reasons: ['discover: registry "records" has not answered yet'],
    });
    writeFileSync(path, 'services: {}');
    await eventually(async () => (await ready(telemetry)).ready);
    await sidecar.process.waitFor(/The registry \\"records\\" answers again/);
  },
);

test.serial('a registry of discover that answers is said to be reachable', async (t) => {
  const path = join(temporaryDirectory(), 'instances.yaml');
  writeFileSync(path, 'services: {}');
  const sidecar = await start({
    registries: { records: { type: 'file', path } },
    discover: { registry: 'records', path: '/services/{service}/' },
  });
  t.regex(sidecar.stdout(), /registry records: file .* \(reachable\)/);
});
