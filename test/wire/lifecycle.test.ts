import { createHook } from 'node:async_hooks';
import type { Socket } from 'node:net';
import test from 'ava';
import type { Connection } from '../../src/http2/connection.ts';
import { ERROR } from '../../src/http2/frame/codes.ts';
import type { Stream } from '../../src/http2/streams/stream.ts';
import { eventually } from '../support/eventually.ts';
import { CLIENT_PREFACE, data, goaway, headers, ping, settings } from '../support/wire_frames.ts';
import { againstClient, againstServer, GET_LIST, OK_LIST, POST, POST_LIST, type Wire } from '../support/wire_setup.ts';

/** Three streams: half of an exchange each. */
async function withStreams(t: Parameters<typeof againstServer>[0], role: 'client' | 'server', over: 'memory' | 'tcp') {
  const wire = await (role === 'server' ? againstServer(t, { over }) : againstClient(t, { over }));
  if (role === 'server') {
    wire.peer.send(headers(1, POST), headers(3, POST, { end: true }), headers(5, POST), data(5, 'x'));
    await wire.owner.happened('data');
  } else {
    wire.connection.open(POST_LIST, false, false, null);
    wire.connection.open(GET_LIST, true, false, null);
    wire.connection.open(POST_LIST, false, false, null);
    await wire.peer.next('HEADERS', 5);
  }
  return wire;
}

/** Every stream is told once, in full, and the end of the connection last. */
function verifyEnd(t: Parameters<typeof againstServer>[0], { owner, connection }: Wire): void {
  t.deepEqual(
    owner
      .of('reset')
      .toSorted((a, b) => a.stream.id - b.stream.id)
      .map(({ stream, code, byPeer, unprocessed }) => [stream.id, code, byPeer, unprocessed]),
    [1, 3, 5].map((id) => [id, ERROR.CANCEL, false, false]),
  );
  t.deepEqual(
    owner
      .of('streamClosed')
      .map(({ stream }) => stream.id)
      .toSorted((a, b) => a - b),
    [1, 3, 5],
  );
  t.is(owner.of('closed').length, 1);
  t.is(owner.names.at(-1), 'closed');
  t.is(connection.streams.size, 0);
  t.false(connection.canOpen);
}

const ENDS: readonly (readonly [string, 'memory' | 'tcp', (wire: Wire) => void])[] = [
  ['the peer ends', 'memory', ({ peer }) => peer.socket.end()],
  ['the peer ends', 'tcp', ({ peer }) => peer.socket.end()],
  ['the peer is gone', 'memory', ({ peer }) => peer.destroy()],
  ['the peer is gone', 'tcp', ({ peer }) => peer.destroy()],
  ['the peer resets the connection', 'tcp', ({ peer }) => (peer.socket as Socket).resetAndDestroy()],
  ['our socket fails', 'memory', ({ socket }) => socket.destroy(new Error('cable cut'))],
  ['the owner destroys it', 'memory', ({ connection }) => connection.destroy('enough')],
  ['the owner destroys it', 'tcp', ({ connection }) => connection.destroy('enough')],
  ['the peer breaks a rule', 'memory', ({ peer }) => peer.send(ping('short'))],
  ['the peer breaks a rule', 'tcp', ({ peer }) => peer.send(ping('short'))],
];

for (const role of ['server', 'client'] as const) {
  for (const [what, over, act] of ENDS) {
    test(`as a ${role}, when ${what} (${over}), every open stream is told once and then the connection is closed once`, async (t) => {
      const wire = await withStreams(t, role, over);
      act(wire);
      await wire.owner.happened('closed');
      await wire.peer.closed;
      // Whatever comes late tells nothing more.
      wire.connection.destroy('again');
      wire.connection.fail(ERROR.INTERNAL_ERROR, 'ping_size');
      wire.connection.shutdown();
      wire.connection.receive(data(1, 'late'));
      verifyEnd(t, wire);
    });
  }
}

test('the reason of the end is the first thing that went wrong', async (t) => {
  const reason = async (act: (wire: Wire) => void, over: 'memory' | 'tcp' = 'memory'): Promise<string> => {
    const wire = await withStreams(t, 'client', over);
    act(wire);
    return (await wire.owner.happened('closed')).reason;
  };
  t.is(await reason(({ connection }) => connection.destroy('instance removed')), 'instance removed');
  t.is(await reason(({ peer }) => peer.send(ping('short'))), 'protocol error: ping_size');
  t.is(await reason(({ peer }) => peer.socket.end()), 'the peer closed the connection');
  t.is(await reason(({ peer }) => peer.destroy()), 'the peer closed the connection');
  t.is(await reason(({ socket }) => socket.destroy(new Error('cable cut'))), 'cable cut');
  const destroyed = ({ connection, socket }: Wire): void => {
    connection.destroy('instance removed');
    socket.destroy(new Error('cable cut'));
  };
  t.is(await reason(destroyed), 'instance removed');
  t.regex(await reason(({ peer }) => (peer.socket as Socket).resetAndDestroy(), 'tcp'), /ECONNRESET/);
});

function everything(connection: Connection, stream: Stream): void {
  connection.headers(stream, OK_LIST, false);
  connection.data(stream, Buffer.from('late'), 0, 4, true, null);
  connection.trailers(stream, OK_LIST);
  connection.reset(stream, ERROR.CANCEL);
  connection.credit(stream, 1_000_000);
  connection.creditConnection(100_000_000);
  connection.stopReceiving(stream);
  connection.ping();
  connection.shutdown();
  connection.destroy('again');
  connection.fail(ERROR.PROTOCOL_ERROR, 'ping_size');
}

for (const over of ['memory', 'tcp'] as const) {
  test(`destroy() writes what was begun, then GOAWAY with the last id, then nothing (${over})`, async (t) => {
    const wire = await withStreams(t, 'server', over);
    const { peer, owner, connection } = wire;
    const [request] = owner.of('request');
    const stream = request?.stream as Stream;
    connection.headers(stream, OK_LIST, false);
    connection.destroy('enough');
    everything(connection, stream);
    await peer.end();
    everything(connection, stream);
    await peer.closed;
    const [answer, last] = peer.received.slice(-2);
    t.is(answer?.type, 'HEADERS');
    t.deepEqual([last?.type, last?.lastStreamId, last?.errorCode, last?.payload.length], ['GOAWAY', 5, 0, 8]);
  });
}

test('nothing is written once the peer has ended', async (t) => {
  const { peer, owner, connection, socket } = await withStreams(t, 'server', 'tcp');
  socket.on('error', (error) => t.fail(error.message));
  owner.react.request = ({ stream }) => connection.headers(stream, OK_LIST, true);
  owner.react.reset = ({ stream }) => everything(connection, stream);
  // The last answer is begun and not written yet when the end comes.
  peer.socket.end(headers(7, POST));
  await owner.happened('closed');
  t.deepEqual(peer.of('GOAWAY'), []);
});

test('a peer that goes on sending after its error, before it reads anything, still reads why the connection ended', async (t) => {
  const { peer, owner } = await againstServer(t, { over: 'tcp' });
  peer.pause();
  peer.send(ping('short'));
  await owner.happened('protocolError');
  for (let i = 0; i < 40; i++) {
    const taken = await new Promise<Error | null | undefined>((resolve) =>
      peer.socket.write(Buffer.alloc(50_000), resolve),
    );
    t.falsy(taken);
    await new Promise((resolve) => setImmediate(resolve));
  }
  peer.resume();
  t.is((await peer.goaway()).debug, 'ping_size');
  await owner.happened('closed');
});

test('a peer that neither reads nor ends is cut off all the same', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { highWaterMark: 10 });
  peer.pause();
  connection.destroy('enough');
  await owner.happened('closed');
  await peer.closed;
  t.pass();
});

test('frames that came in the same chunk after the fatal one are not looked at', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(headers(1, POST), ping('short'), headers(3, POST), goaway(0, 0), data(0, 'x'));
  await owner.happened('closed');
  t.deepEqual(owner.names.slice(1), ['request', 'protocolError', 'reset', 'streamClosed', 'closed']);
  t.is(peer.of('GOAWAY').length, 1);
});

test('a socket that was read before can be handed over with what was read', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { settings: null });

  connection.receive(Buffer.concat([CLIENT_PREFACE, settings()]).subarray(0, 30));
  peer.send(Buffer.concat([CLIENT_PREFACE, settings()]).subarray(30), headers(1, POST));
  await owner.happened('request');
  t.pass();
});

// Alone, since it watches all timers of the process.
test.serial('no timer is left when a connection is closed, however it was', async (t) => {
  const timers = new Set<number>();
  let made = 0;
  const hook = createHook({
    init: (id, type) => {
      if (type !== 'Timeout' || !new Error().stack?.includes('/src/http2/')) return;
      made++;
      timers.add(id);
    },
    destroy: (id) => timers.delete(id),
  }).enable();
  t.teardown(() => hook.disable());
  for (const [, over, act] of ENDS) {
    const wire = await withStreams(t, 'server', over);
    act(wire);
    await wire.owner.happened('closed');
  }
  t.true(made > 0);
  // Well before the last of them would have run out.
  await eventually(() => timers.size === 0, 500);
});
