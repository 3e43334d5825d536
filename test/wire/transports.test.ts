import test from 'ava';
import { Connection } from '../../src/http2/connection.ts';
import { Flusher } from '../../src/http2/flusher.ts';
import { ERROR } from '../../src/http2/frame/codes.ts';
import { DOWNSTREAM_LIMITS, UPSTREAM_LIMITS } from '../../src/http2/limits.ts';
import { eventually } from '../support/eventually.ts';
import { present } from '../support/requires.ts';
import { RecordingOwner } from '../support/wire_owner.ts';
import { list, OK_LIST, POST_LIST } from '../support/wire_setup.ts';
import { socketPair, type Transport } from '../support/wire_sockets.ts';

/** The engine knows its socket as a Duplex only: what holds over one kind must hold over all. */
const TRANSPORTS: Transport[] = ['memory', 'tcp', 'unix', 'tls'];
const MEGABYTE = Buffer.from(Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

/** The engine at both ends of a socket, with SETTINGS exchanged. */
async function meet(t: Parameters<typeof socketPair>[0], over: Transport) {
  const [near, far] = await socketPair(t, over);
  const [client, server] = [new RecordingOwner(), new RecordingOwner()];
  const ends = {
    client,
    server,
    sockets: { client: near, server: far },
    asClient: new Connection(near, 'client', client, UPSTREAM_LIMITS, new Flusher()),
    asServer: new Connection(far, 'server', server, DOWNSTREAM_LIMITS, new Flusher()),
  };
  await Promise.all([client.happened('ready'), server.happened('ready')]);
  return ends;
}

for (const over of TRANSPORTS) {
  const run = over === 'tls' && !present('openssl') ? test.skip : test;
  if (run === test.skip) console.error('SKIPPED: this machine has no openssl; `sh .ci/install --servers` installs it');

  run(`${over}: a request and its response pass with bodies and trailers`, async (t) => {
    const { client, server, asClient, asServer } = await meet(t, over);
    const stream = asClient.open(POST_LIST, false, false, null);
    asClient.data(stream, Buffer.from('question'), 0, 8, false, null);
    asClient.trailers(stream, list('x-sum', '8'));
    const asked = await server.happened('trailers');
    t.is(asked.list.get('x-sum'), '8');
    t.is(server.body(asked.stream).toString(), 'question');
    asServer.headers(asked.stream, OK_LIST, false);
    asServer.data(asked.stream, Buffer.from('answer'), 0, 6, false, null);
    asServer.trailers(asked.stream, list('grpc-status', '0'));
    t.is((await client.happened('trailers')).list.get('grpc-status'), '0');
    t.is((await client.happened('response')).head.status, 200);
    t.is(client.body(stream).toString(), 'answer');
    for (const owner of [client, server]) await owner.happened('streamClosed');
    t.deepEqual([...client.tokens, ...server.tokens], []);
  });

  run(
    `${over}: 1 MiB each way at once stops at the window of a side that takes nothing, and passes whole when it does`,
    async (t) => {
      const { client, server, asClient, asServer } = await meet(t, over);
      client.credits = false;
      server.credits = false;
      const stream = asClient.open(POST_LIST, false, false, null);
      const { stream: asked } = await server.happened('request');
      asServer.headers(asked, OK_LIST, false);
      const sides = [
        { owner: client, stream },
        { owner: server, stream: asked },
      ];
      for (const side of sides) side.stream.connection.data(side.stream, MEGABYTE, 0, MEGABYTE.length, true, null);
      const window = UPSTREAM_LIMITS.streamWindow;
      for (const side of sides) await eventually(() => side.owner.body(side.stream).length === window);
      // What was sent before the PINGs has arrived when they are answered.
      asClient.ping();
      asServer.ping();
      for (const side of sides) {
        await side.owner.happened('pong');
        t.is(side.owner.body(side.stream).length, window);
        side.owner.credits = true;
        side.stream.connection.credit(side.stream, window);
      }
      for (const side of sides) {
        await side.owner.happened('data', ({ end }) => end);
        t.true(side.owner.body(side.stream).equals(MEGABYTE));
        await side.owner.happened('streamClosed');
      }
    },
  );

  run(`${over}: what a peer that does not read is sent waits, and arrives whole when it reads`, async (t) => {
    const { client, server, sockets, asClient, asServer } = await meet(t, over);
    const streams = Array.from({ length: 48 }, () => asClient.open(POST_LIST, true, false, null));
    await eventually(() => server.of('request').length === streams.length);
    sockets.client.pause();
    const body = MEGABYTE.subarray(0, UPSTREAM_LIMITS.streamWindow);
    for (const { stream } of server.of('request')) {
      asServer.headers(stream, OK_LIST, false);
      asServer.data(stream, body, 0, body.length, true, null);
    }
    await eventually(() => sockets.server.writableNeedDrain);
    sockets.client.resume();
    await eventually(() => client.of('streamClosed').length === streams.length);
    for (const stream of streams) t.true(client.body(stream).equals(body));
  });

  run(`${over}: GOAWAY lets the streams that are open finish, then both sides close in order`, async (t) => {
    const { client, server, asClient, asServer } = await meet(t, over);
    const stream = asClient.open(POST_LIST, false, false, null);
    const { stream: asked } = await server.happened('request');
    asServer.shutdown();
    await client.happened('goaway', ({ lastStreamId }) => lastStreamId === asked.id);
    t.false(asClient.canOpen);
    t.true(client.of('goaway').every(({ code }) => code === ERROR.NO_ERROR));
    asClient.data(stream, Buffer.from('late'), 0, 4, true, null);
    await server.happened('data', ({ end }) => end);
    asServer.headers(asked, OK_LIST, true);
    t.true((await client.happened('response')).end);
    for (const owner of [client, server]) {
      await owner.happened('closed');
      t.deepEqual(owner.of('reset'), []);
      t.is(owner.names.at(-1), 'closed');
    }
    t.deepEqual([...client.tokens, ...server.tokens], []);
  });

  for (const lost of ['client', 'server'] as const) {
    run(
      `${over}: when the ${lost}'s socket is gone, both sides tell each open stream once and then the end`,
      async (t) => {
        const { client, server, sockets, asClient } = await meet(t, over);
        for (let i = 0; i < 3; i++) asClient.open(POST_LIST, false, false, null);
        await server.happened('request', ({ stream }) => stream.id === 5);
        sockets[lost].destroy();
        for (const owner of [client, server]) {
          await owner.happened('closed');
          t.is(owner.of('closed').length, 1);
          t.is(owner.names.at(-1), 'closed');
          t.deepEqual(
            owner.of('reset').map(({ stream }) => stream.id),
            [1, 3, 5],
          );
          t.is(owner.of('streamClosed').length, 3);
        }
      },
    );
  }
}
