import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import test from 'ava';
import { authorityOf } from '../../../src/control/health/probes/connect.ts';
import { GrpcProbe } from '../../../src/control/health/probes/grpc.ts';
import type { ProbeResult } from '../../../src/control/health/probes/probe.ts';
import { NEVER } from '../../contract/probe.ts';
import { eventually } from '../../support/eventually.ts';
import { startGrpcServer } from '../../support/grpc_server.ts';

/** The octets of a `HealthCheckResponse` in a gRPC message. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
const NOT_SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 2]);
const FAILS: ProbeResult = { ok: false, reason: 'its health service says NOT_SERVING' };

function open(port: number, { watch = true, timeout = 20_000 } = {}) {
  const told: ProbeResult[] = [];
  let stirred = 0;
  const probe = new GrpcProbe(
    { service: '', watch },
    { target: { host: '127.0.0.1', port }, secure: null, timeout },
    {
      told: (result) => told.push(result),
      stirred() {
        stirred++;
      },
    },
  );
  return { probe, told, stirred: () => stirred, look: () => probe.look(NEVER) };
}

/** A server that answers by a script; what is not in it is UNIMPLEMENTED. */
async function scripted(methods: Partial<Record<'Check' | 'Watch', (stream: ServerHttp2Stream) => void>>) {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Http2Server = createServer();
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const method = String(headers[':path']).split('/').at(-1) as 'Check' | 'Watch';
    const script = methods[method];
    if (script !== undefined) return script(stream);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    connections: () => connections,
    open: () => sockets.size,
    /** Ends the connections that there are. */
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Answers with these messages, and ends the call with `status`; null: leaves it open. */
function answer(stream: ServerHttp2Stream, messages: readonly Buffer[], status: number | null = 0): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status) }));
  for (const message of messages) stream.write(message);
  if (status !== null) stream.end();
}

test('where Watch is offered, changes are told the moment they are made, on one connection', async (t) => {
  const server = await startGrpcServer();
  const { probe, told, look, stirred } = open(server.port);
  t.deepEqual(await look(), { ok: true });
  server.health(false);
  await eventually(() => told.length === 1);
  t.deepEqual(told, [FAILS]);
  t.deepEqual(await look(), FAILS);
  server.health(true);
  await eventually(() => told.length === 2);
  t.deepEqual(told[1], { ok: true });
  t.deepEqual(await look(), { ok: true });
  probe.close();
  server.stop();
  t.is(stirred(), 0);
});

test('an instance that does not serve is believed with the first word of Watch, one that serves is looked at', async (t) => {
  const server = await startGrpcServer();
  server.health(false);
  const first = open(server.port);
  await first.look();
  await eventually(() => first.told.length === 1);
  t.deepEqual(first.told, [FAILS]);
  first.probe.close();
  server.health(true);
  const second = open(server.port);
  t.deepEqual(await second.look(), { ok: true });
  t.deepEqual(await second.look(), { ok: true });
  t.deepEqual(second.told, []);
  second.probe.close();
  server.stop();
});

test('a connection with Watch that is lost is a reason to look', async (t) => {
  const server = await startGrpcServer();
  const { probe, look, stirred } = open(server.port);
  await look();
  // Watch follows the first look, and is answered before the second.
  await look();
  server.stop();
  await eventually(() => stirred() === 1);
  t.deepEqual(await look(), { ok: false, reason: 'connection refused' });
  t.is(stirred(), 1);
  probe.close();
});

test('a server that drains is not held up by Watch', async (t) => {
  const server = await startGrpcServer();
  const { probe, look, stirred } = open(server.port);
  await look();
  await look();
  await server.drain();
  await eventually(() => stirred() === 1);
  t.false((await look()).ok);
  probe.close();
});

test('where Watch is not offered, or not wanted, each look has a connection of its own', async (t) => {
  const server = await scripted({ Check: (stream) => answer(stream, [SERVING]) });
  const { probe, look, stirred } = open(server.port);
  t.deepEqual(await look(), { ok: true });
  await eventually(() => server.open() === 0);
  t.deepEqual(await look(), { ok: true });
  await eventually(() => server.open() === 0);
  t.is(server.connections(), 2);
  t.is(stirred(), 0);
  probe.close();
  server.close();

  const offering = await startGrpcServer();
  const unwatched = open(offering.port, { watch: false });
  await unwatched.look();
  offering.health(false);
  t.deepEqual(await unwatched.look(), FAILS);
  t.deepEqual(unwatched.told, []);
  unwatched.probe.close();
  offering.stop();
});

test('an instance that has room for one stream only is looked at without Watch', async (t) => {
  const server = await startGrpcServer({ streams: 1 });
  const { probe, look, told } = open(server.port, { timeout: 2_000 });
  for (let looks = 0; looks < 4; looks++) t.deepEqual(await look(), { ok: true });
  server.health(false);
  t.deepEqual(await look(), FAILS);
  t.deepEqual(told, []);
  probe.close();
  server.stop();
});

test('an instance that had no Watch is asked for it again after a while', async (t) => {
  let watches = 0;
  const server = await scripted({
    Check: (stream) => answer(stream, [SERVING]),
    Watch(stream) {
      watches++;
      answer(stream, [], 12);
    },
  });
  const { probe, look } = open(server.port);
  for (let looks = 0; looks < 30; looks++) {
    await look();
    await eventually(() => server.open() === 0);
  }
  t.is(watches, 2);
  probe.close();
  server.close();
});

test('a server that says GOAWAY and then nothing more keeps no connection of ours', async (t) => {
  const server = await scripted({
    Check(stream) {
      answer(stream, [SERVING], null);
      stream.session?.goaway(0);
    },
  });
  const { probe, look } = open(server.port, { timeout: 200 });
  t.false((await look()).ok);
  probe.close();
  await eventually(() => server.open() === 0);
  t.pass();
  server.close();
});

test('the zone of an address is no part of the name that a request has', (t) => {
  t.is(authorityOf({ host: 'fe80::1%eth0', port: 80 }), '[fe80::1]:80');
  t.is(authorityOf({ host: '::1', port: 80 }), '[::1]:80');
  t.is(authorityOf({ host: 'a', port: 80 }), 'a:80');
  t.is(authorityOf({ path: '/run/a' }), 'localhost');
});

test('a server without a health service is well, and that is noted', async (t) => {
  const server = await scripted({});
  const { probe, look } = open(server.port);
  const result = await look();
  t.true(result.ok && /no grpc.health.v1/.test(result.note ?? ''), JSON.stringify(result));
  probe.close();
  server.close();
});

test('an instance that changes its mind all the time is heard at once a few times, and then looked at', async (t) => {
  const server = await scripted({
    Check: (stream) => answer(stream, [SERVING]),
    Watch(stream) {
      answer(
        stream,
        Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? NOT_SERVING : SERVING)),
        null,
      );
    },
  });
  const { probe, told, look } = open(server.port);
  await look();
  await eventually(() => told.filter(({ ok }) => !ok).length === 20);
  t.is(told.filter(({ ok }) => ok).length, 5);
  probe.close();
  server.close();
});

test('a connection that is lost again and again is looked at at once a few times, and then when it is time', async (t) => {
  const server = await scripted({
    Check: (stream) => answer(stream, [SERVING]),
    Watch: (stream) => answer(stream, [NOT_SERVING], null),
  });
  const { probe, look, stirred, told } = open(server.port);
  const lose = async (): Promise<void> => {
    const before = told.length;
    await look();
    // That is told with the first word of Watch.
    await eventually(() => told.length > before);
    server.cut();
    await eventually(() => server.open() === 0);
  };
  for (let lost = 1; lost <= 5; lost++) {
    await lose();
    await eventually(() => stirred() === lost);
  }
  await lose();
  // A look whose time has come: nobody asked for it, and it gives one back.
  await look();
  t.is(stirred(), 5);
  await eventually(() => told.length === 7);
  server.cut();
  await eventually(() => stirred() === 6);
  probe.close();
  server.close();
});

test('a Watch that ends at once, or is never answered, does no harm', async (t) => {
  const ends = await scripted({ Check: (stream) => answer(stream, [SERVING]), Watch: (stream) => answer(stream, []) });
  const first = open(ends.port);
  t.deepEqual(await first.look(), { ok: true });
  await eventually(() => ends.open() === 0);
  t.is(first.stirred(), 0);
  first.probe.close();
  ends.close();

  const silent = await scripted({ Check: (stream) => answer(stream, [SERVING]), Watch() {} });
  const second = open(silent.port);
  t.deepEqual(await second.look(), { ok: true });
  t.deepEqual(await second.look(), { ok: true });
  t.is(silent.connections(), 1);
  second.probe.close();
  silent.close();
});

const ANSWERS: readonly (readonly [about: string, script: (stream: ServerHttp2Stream) => void, reason: RegExp])[] = [
  ['no message', (stream) => answer(stream, []), /^status 0: $/],
  ['a status', (stream) => answer(stream, [], 7), /^status 7: $/],
  ['a message that is none', (stream) => answer(stream, [Buffer.from([0, 0, 0, 0, 2, 255, 255])]), /cannot be read/],
  ['a message that is compressed', (stream) => answer(stream, [Buffer.from([1, 0, 0, 0, 1, 0])]), /cannot be read/],
  ['a message without end', (stream) => answer(stream, [Buffer.from([0, 255, 0, 0, 0])], null), /cannot be read/],
  [
    'an HTTP error',
    (stream) => stream.respond({ ':status': 503 }, { endStream: true }),
    /^status 14: HTTP status 503$/,
  ],
  ['a reset', (stream) => stream.close(7), /^status 14: the stream was reset \(REFUSED_STREAM\)$/],
  ['no status', (stream) => stream.respond({ ':status': 200 }, { endStream: true }), /^status 2: there is no status$/],
  ['a closed connection', (stream) => stream.session?.destroy(), /it closed the connection|it is going away/],
  [
    'a status with a message',
    (stream) =>
      stream.respond({ ':status': 200, 'grpc-status': '14', 'grpc-message': 'not %C3%BCp %' }, { endStream: true }),
    /^status 14: not %C3%BCp %$/,
  ],
];

for (const [about, script, reason] of ANSWERS) {
  test(`${about} for an answer is a bad look, with the reason`, async (t) => {
    const server = await scripted({ Check: script });
    const { probe, look } = open(server.port);
    const result = await look();
    probe.close();
    server.close();
    t.regex(result.ok ? 'well' : result.reason, reason);
  });
}
