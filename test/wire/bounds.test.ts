import test from 'ava';
import { ERROR, SETTING } from '../../src/http2/frame/codes.ts';
import { MAX_POSTPONED_RESETS, MAX_UNWRITTEN, SHUTDOWN_PING_TIMEOUT } from '../../src/http2/limits.ts';
import { eventually } from '../support/eventually.ts';
import { data, goaway, headers, ping, rstStream, settings, windowUpdate } from '../support/wire_frames.ts';
import { againstClient, againstServer, GET, GET_LIST, OK, OK_LIST, POST } from '../support/wire_setup.ts';

/*
 * What bounds a peer's work for us, beyond the floods of `floods.test.ts`: what is earned, what waits, and for how long.
 */

const RAPID_RESET_MS = 100;
const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

test('a peer that answers every DATA frame with two WINDOW_UPDATEs is no flood, however long it goes on', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { limits: { maxOverheadFrames: 20 } });
  peer.send(headers(1, POST));
  const { stream } = await owner.happened('request');
  for (let i = 0; i < 100; i++) {
    for (let k = 0; k < 10; k++) connection.data(stream, Buffer.from([k]), 0, 1, false, null);
    await eventually(() => peer.of('DATA').length === 10 * (i + 1));
    peer.send(many(10, () => Buffer.concat([windowUpdate(1, 1), windowUpdate(0, 1)])));
  }
  await eventually(() => connection.sender.window.available >= 65_535);
  t.deepEqual(owner.tokens, []);
});

test('what was earned long ago does not let a flood of WINDOW_UPDATE through', async (t) => {
  const { peer, owner, connection } = await againstServer(t, {
    limits: { maxOverheadFrames: 20 },
    settings: [[SETTING.INITIAL_WINDOW_SIZE, 60_000]],
  });
  peer.send(headers(1, POST));
  const { stream } = await owner.happened('request');
  for (let k = 0; k < 5_000; k++) connection.data(stream, Buffer.from([1]), 0, 1, false, null);
  await eventually(() => peer.of('DATA').length === 5_000);
  peer.send(many(200, () => windowUpdate(1, 1)));
  t.is((await peer.goaway()).debug, 'overhead_flood');
});

test('resets that come too late to be rapid count as frames that carry nothing', async (t) => {
  const { peer, owner } = await againstServer(t, { limits: { maxOverheadFrames: 30 } });
  peer.send(many(60, (i) => headers(2 * i + 1, POST)));
  await owner.happened('request', ({ stream }) => stream.id === 119);
  const all = performance.now();
  await eventually(() => performance.now() - all > RAPID_RESET_MS);
  peer.send(many(60, (i) => rstStream(2 * i + 1, ERROR.CANCEL)));
  t.is((await peer.goaway()).debug, 'overhead_flood');
});

test('SETTINGS that move the windows of many streams cost in proportion to them', async (t) => {
  const { peer, owner } = await againstServer(t, { limits: { maxOverheadFrames: 1_000 } });
  peer.send(many(3_200, (i) => headers(2 * i + 1, POST)));
  await owner.happened('request', ({ stream }) => stream.id === 6_399);
  peer.send(many(30, (i) => settings([SETTING.INITIAL_WINDOW_SIZE, 50_000 + i])));
  t.is((await peer.goaway()).debug, 'overhead_flood');
});

test('a client resets so many streams at once, and the others when their turn comes', async (t) => {
  const { peer, owner, connection } = await againstClient(t, { limits: { resetBurst: 3 } });
  const streams = Array.from({ length: 10 }, () => connection.open(GET_LIST, false, false, null));
  await peer.next('HEADERS', 19);
  for (const stream of streams) connection.reset(stream, ERROR.CANCEL);
  await peer.sync();
  // A pause of the process may have earned one or two more.
  const atOnce = peer.of('RST_STREAM').length;
  t.true(atOnce >= 3 && atOnce <= 6, String(atOnce));
  // One of them ends by itself; those whose turn has come are reset.
  peer.send(headers(19, OK, { end: true }), rstStream(17, ERROR.CANCEL));
  await owner.happened('reset', ({ stream }) => stream.id === 17);
  await eventually(async () => {
    connection.sweep(performance.now());
    await peer.sync();
    return peer.of('RST_STREAM').length >= 8;
  });
  t.deepEqual(
    peer.of('RST_STREAM').map(({ streamId, errorCode }) => [streamId, errorCode]),
    [1, 3, 5, 7, 9, 11, 13, 15].map((id) => [id, ERROR.CANCEL]),
  );
});

test('a connection with many resets to send is worn, and ends without them when nothing else is open on it', async (t) => {
  const { peer, owner, connection } = await againstClient(t, { limits: { resetBurst: 1 } });
  const streams = Array.from({ length: MAX_POSTPONED_RESETS + 2 }, () => connection.open(GET_LIST, true, false, null));
  const last = connection.open(GET_LIST, true, false, null);
  await peer.next('HEADERS', last.id);
  t.false(connection.worn);
  for (const stream of streams) connection.reset(stream, ERROR.CANCEL);
  t.true(connection.worn);
  connection.shutdown();
  await peer.sync();
  t.false(connection.failed);
  peer.send(headers(last.id, OK, { end: true }));
  await owner.happened('closed');
  t.is(peer.of('RST_STREAM').length, 1);
  t.is(connection.streams.size, 0);
});

test('DATA for a peer that reads nothing waits on its streams, not behind the write, and arrives whole when it reads', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 2 ** 30]] });
  peer.send(
    windowUpdate(0, 2 ** 30),
    many(4, (i) => headers(2 * i + 1, GET, { end: true })),
  );
  await owner.happened('request', ({ stream }) => stream.id === 7);
  await peer.sync();
  peer.pause();
  const streams = connection.streams.all();
  const piece = Buffer.alloc(100_000, 7);
  for (let i = 0; i < 20; i++) {
    for (const stream of streams) connection.data(stream, piece, 0, piece.length, i === 19, null);
    await new Promise((resolve) => void setImmediate(resolve));
    t.true(connection.sender.backlog < MAX_UNWRITTEN + 5 * piece.length, `${connection.sender.backlog} octets`);
  }
  t.true(streams.some(({ waiting }) => waiting !== null));
  peer.resume();
  for (const { id } of streams) {
    await peer.next('DATA', (frame) => frame.streamId === id && frame.endStream);
    t.true(peer.body(id).equals(Buffer.alloc(2_000_000, 7)));
  }
});

test('octets that come one by one and wait are kept together, and leave in order', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 0]] });
  peer.send(headers(1, GET, { end: true }));
  const { stream } = await owner.happened('request');
  const sent = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251));
  // As they lie in the buffers that sockets are read into.
  for (let i = 0; i < sent.length; i++) connection.data(stream, sent, i, i + 1, i === sent.length - 1, null);
  t.true((stream.waiting?.length ?? 0) < 10, `${stream.waiting?.length} pieces`);
  peer.send(windowUpdate(1, 20_001), windowUpdate(1, 100_000));
  await peer.next('DATA', (frame) => frame.endStream);
  t.true(peer.body(1).equals(sent));
});

test('a stall is over with the first octet that goes out, and null means no limit', async (t) => {
  for (const stallTimeout of [1_000, null]) {
    const { peer, owner, connection } = await againstServer(t, {
      limits: { stallTimeout },
      settings: [[SETTING.INITIAL_WINDOW_SIZE, 0]],
    });
    peer.send(headers(1, GET, { end: true }));
    const { stream } = await owner.happened('request');
    connection.data(stream, Buffer.alloc(100), 0, 100, false, null);
    for (const now of [1, 900]) connection.sweep(now);
    peer.send(windowUpdate(1, 1));
    await peer.next('DATA', 1);
    for (const now of [1_100, 2_000]) connection.sweep(now);
    t.deepEqual(owner.tokens, []);
    connection.sweep(2_200);
    t.deepEqual(owner.tokens, stallTimeout === null ? [] : ['stream_stalled']);
  }
});

test('a connection without a stream ends in order when it has been idle for long enough, and no sooner', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { limits: { idleTimeout: 1_000 } });
  for (const now of [1, 500]) connection.sweep(now);
  peer.send(headers(1, GET, { end: true }));
  const { stream } = await owner.happened('request');
  for (const now of [2_000, 9_000]) connection.sweep(now);
  connection.headers(stream, OK_LIST, true);
  await peer.next('HEADERS', 1);
  for (const now of [9_500, 9_900]) connection.sweep(now);
  t.false(connection.draining);
  connection.sweep(10_500);
  t.is((await peer.next('GOAWAY')).errorCode, ERROR.NO_ERROR);
  const { payload } = await peer.next('PING', (frame) => !frame.ack);
  peer.send(ping(payload, true));
  await owner.happened('closed');
});

test('a client that never answers the PING of a shutdown is treated as if it had, after a while', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  connection.shutdown();
  await peer.next('PING', (frame) => !frame.ack);
  for (const now of [1, 2, SHUTDOWN_PING_TIMEOUT]) connection.sweep(now);
  t.false(connection.failed);
  connection.sweep(SHUTDOWN_PING_TIMEOUT + 1);
  await owner.happened('closed');
});

test('before a connection ends for the peer’s GOAWAY ours says which streams were taken (RFC 9113 section 6.8)', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(1, GET, { end: true }), goaway(0, ERROR.NO_ERROR));
  const { stream } = await owner.happened('request');
  await owner.happened('goaway');
  connection.headers(stream, OK_LIST, true);
  const last = await peer.goaway();
  t.deepEqual([last.lastStreamId, last.errorCode], [1, ERROR.NO_ERROR]);
  t.is(peer.of('GOAWAY').length, 1);
});

test('content that is all padding is as empty as none', async (t) => {
  const { peer } = await againstServer(t, { limits: { maxOverheadFrames: 20 } });
  peer.send(
    headers(1, POST),
    many(60, () => data(1, '', { padding: 3 })),
  );
  t.is((await peer.goaway()).debug, 'overhead_flood');
});
