import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { type Process, startProcess } from '../support/process.ts';
import { ANY_PORTS, MAIN, runOutrigger, type Sidecar, startSidecar, temporaryDirectory } from '../support/sidecar.ts';
import { CLIENT_PREFACE } from '../support/wire_frames.ts';

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

test.serial('the second signal ends the sidecar at once, whatever is still in flight', async (t) => {
  const server = await startGrpcServer();
  stoppers.push(() => server.stop());
  const sidecar = await startSidecar({
    drain_grace: '1h',
    registries: { here: { type: 'static' } },
    services: { echo: { registry: 'here', instances: [{ address: server.address }] } },
  });
  stoppers.push(() => sidecar.kill());
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());
  const inFlight = client.unary('x', { metadata: [['echo-sleep-ms', '3600000']] });
  await eventually(() => server.calls() === 1);
  sidecar.process.signal('SIGTERM');
  await eventually(() => /Told to stop/.test(sidecar.output()));
  sidecar.process.signal('SIGTERM');
  t.is(await sidecar.process.exited, 1, sidecar.output());
  t.is((await inFlight).code, 14);
  t.regex(sidecar.output(), /Told twice to stop/);
});

test.serial(
  'what is in flight when the grace is over is answered: status 14, shutting_down; and the exit code is 0',
  async (t) => {
    const server = await startGrpcServer();
    stoppers.push(() => server.stop());
    const sidecar = await startSidecar({
      drain_grace: '300ms',
      registries: { here: { type: 'static' } },
      services: { echo: { registry: 'here', instances: [{ address: server.address }] } },
    });
    stoppers.push(() => sidecar.kill());
    const client = connectEcho(sidecar.address);
    stoppers.push(() => client.close());
    const inFlight = client.unary('x', { metadata: [['echo-sleep-ms', '3600000']] });
    await eventually(() => server.calls() === 1);
    t.is(await sidecar.stop(), 0, sidecar.output());
    const { code, trailers } = await inFlight;
    t.is(code, 14);
    t.deepEqual(trailers.get('x-outrigger-reason'), ['shutting_down']);
  },
);

test.serial('an idle sidecar exits at once, connections of clients or not', async (t) => {
  const { sidecar } = await setUp();
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());
  t.is((await client.unary('x')).code, 0);
  const before = Date.now();
  t.is(await sidecar.stop(), 0, sidecar.output());
  t.true(Date.now() - before < 5_000, `took ${Date.now() - before} ms`);
});

for (const [what, octets] of [
  ['so much as tells the protocol', CLIENT_PREFACE.subarray(0, 3)],
  ['the preface and no SETTINGS', CLIENT_PREFACE],
] as const) {
  test.serial(`a client that sent ${what} does not hold up the end`, async (t) => {
    const { sidecar } = await setUp();
    const socket = connect(Number(sidecar.address.split(':')[1]), '127.0.0.1');
    stoppers.push(() => socket.destroy());
    socket.on('error', () => {});
    const answered = new Promise((resolve) => socket.once('data', resolve));
    socket.write(octets);
    await answered; // The sidecar's own SETTINGS: it has read what came.
    const before = Date.now();
    t.is(await sidecar.stop(), 0, sidecar.output());
    t.true(Date.now() - before < 5_000, `took ${Date.now() - before} ms`);
  });
}

test.serial('after POST /drain nothing listens any more, and the sidecar can still be stopped', async (t) => {
  const { sidecar } = await setUp();
  t.is((await fetch(`${sidecar.admin}/drain`, { method: 'POST' })).status, 202);
  await eventually(async () => {
    const client = connectEcho(sidecar.address);
    try {
      return (await client.unary('x')).code === 14;
    } finally {
      client.close();
    }
  });
  t.is(await sidecar.stop(), 0, sidecar.output());
});

test.serial('a path to listen on that names a file is an error, and the file stays', async (t) => {
  const file = join(temporaryDirectory(), 'precious');
  writeFileSync(file, 'data');
  const { code, output } = await runOutrigger(['run', ...FLAGS, '--listen', `unix:${file}`]);
  t.is(code, 1, output);
  t.regex(output, /cannot listen on unix:.*precious: the file there is not a socket/);
  t.is(readFileSync(file, 'utf8'), 'data');
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

test.serial('a wrapped app ends the sidecar with its own exit code', async (t) => {
  const app = [process.execPath, '-e', 'console.log("the app ran"); process.exitCode = 7'];
  const { code, output } = await runOutrigger(['run', ...FLAGS, '--', ...app]);
  t.is(code, 7, output);
  t.regex(output, /the app ran/);
});

/** A sidecar around `app`, a script for Node. It listens on the socket `OUTRIGGER_TEST_SOCKET`, too. */
async function wrap(app: string, config: object = {}): Promise<Process & { admin: string }> {
  const directory = temporaryDirectory();
  const socket = join(directory, 'listen.sock');
  const file = join(directory, 'outrigger.yaml');
  const services = { echo: { registry: 'here', instances: [{ address: '127.0.0.1:1' }] } };
  const listen = `unix:${socket}`;
  writeFileSync(
    file,
    JSON.stringify({ ...ANY_PORTS, listen, registries: { here: { type: 'static' } }, services, ...config }),
  );
  const command = [process.execPath, '-e', app];
  const sidecar = startProcess(process.execPath, [MAIN, 'run', '--config', file, '--', ...command], {
    env: { OUTRIGGER_TEST_SOCKET: socket },
  });
  stoppers.push(() => sidecar.kill());
  const [, admin] = await sidecar.waitFor(/admin on (http:\/\/127\.0\.0\.1:\d+)/);
  return { ...sidecar, admin: admin as string };
}

/** The id of the app that says `app PID is up`; it is killed after the test, should it be left over. */
async function appOf(sidecar: Process): Promise<number> {
  const pid = Number((await sidecar.waitFor(/app (\d+) is up/))[1]);
  stoppers.push(() => isAlive(pid) && process.kill(pid, 'SIGKILL'));
  return pid;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const UP = 'console.log("app", process.pid, "is up"); setInterval(() => {}, 1000);';

test.serial('SIGTERM reaches a wrapped app, and both end, with the code that a shell gives a signal', async (t) => {
  const sidecar = await wrap(UP);
  const pid = await appOf(sidecar);
  sidecar.signal('SIGTERM');
  t.is(await sidecar.exited, 128 + 15, sidecar.output());
  t.false(isAlive(pid));
});

test.serial('a wrapped app is told with the signal that we were told with, and its exit code is ours', async (t) => {
  const sidecar = await wrap(`process.on("SIGINT", () => process.exit(9)); ${UP}`);
  await appOf(sidecar);
  sidecar.signal('SIGINT');
  t.is(await sidecar.exited, 9, sidecar.output());
});

/** When it is told to stop, it makes three calls, one after the other, and ends with 5. */
const CALLS_AT_THE_END = `
  const http2 = require("node:http2");
  const net = require("node:net");
  const call = () => new Promise((resolve) => {
    const session = http2.connect("http://echo", { createConnection: () => net.connect(process.env.OUTRIGGER_TEST_SOCKET) });
    session.on("error", (error) => resolve(error.message));
    const stream = session.request({ ":path": "/last" });
    stream.on("error", (error) => resolve(error.message));
    stream.on("response", (headers) => { stream.resume(); stream.on("end", () => { session.close(); resolve(headers[":status"]); }); });
  });
  process.on("SIGTERM", async () => {
    const statuses = [];
    for (let i = 0; i < 3; i++) {
      statuses.push(await call());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    console.log("at the end: " + statuses.join(" "));
    process.exit(5);
  });
  ${UP}`;

for (const how of ['SIGTERM', 'POST /shutdown'] as const) {
  test.serial(`a wrapped app that is told to stop can still make calls while it does (${how})`, async (t) => {
    const server = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stoppers.push(() => server.close());
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sidecar = await wrap(CALLS_AT_THE_END, {
      services: { echo: { registry: 'here', instances: [{ address }] } },
    });
    await appOf(sidecar);
    if (how === 'SIGTERM') sidecar.signal('SIGTERM');
    else t.is((await fetch(`${sidecar.admin}/shutdown`, { method: 'POST' })).status, 202);
    t.is(await sidecar.exited, 5, sidecar.output());
    t.regex(sidecar.stdout(), /at the end: 200 200 200/);
  });
}

test.serial('a wrapped app that does not end in time is killed', async (t) => {
  const sidecar = await wrap(`process.on("SIGTERM", () => {}); ${UP}`, { drain_grace: '300ms' });
  const pid = await appOf(sidecar);
  sidecar.signal('SIGTERM');
  t.is(await sidecar.exited, 128 + 9, sidecar.output());
  t.false(isAlive(pid));
  t.regex(sidecar.stderr(), /did not end in time/);
});

test.serial('a second signal ends both at once', async (t) => {
  const sidecar = await wrap(`process.on("SIGTERM", () => console.log("not yet")); ${UP}`, { drain_grace: '1h' });
  const pid = await appOf(sidecar);
  sidecar.signal('SIGTERM');
  await sidecar.waitFor(/not yet/);
  sidecar.signal('SIGTERM');
  t.is(await sidecar.exited, 1, sidecar.output());
  await eventually(() => !isAlive(pid));
});

test.serial('a signal after POST /shutdown is the first one: what goes on may finish', async (t) => {
  const app = `process.on("SIGTERM", () => { console.log("ending"); setTimeout(() => process.exit(6), 500); }); ${UP}`;
  const sidecar = await wrap(app);
  await appOf(sidecar);
  await fetch(`${sidecar.admin}/shutdown`, { method: 'POST' });
  await sidecar.waitFor(/ending/);
  sidecar.signal('SIGTERM');
  t.is(await sidecar.exited, 6, sidecar.output());
});

test.serial('a wrapped app that cannot be started is named, and the sidecar does not stay without it', async (t) => {
  const { code, output } = await runOutrigger(['run', ...FLAGS, '--', '/no/such/app']);
  t.is(code, 1, output);
  t.regex(output, /\/no\/such\/app/);
});
