import test from 'ava';
import { Connection } from '../../src/http2/connection.ts';
import { Flusher } from '../../src/http2/flusher.ts';
import { ERROR, SETTING } from '../../src/http2/frame/codes.ts';
import { HeaderList } from '../../src/http2/hpack/header_list.ts';
import { UPSTREAM_LIMITS } from '../../src/http2/limits.ts';
import {
  CLIENT_PREFACE,
  data,
  frame,
  headers,
  literal,
  settings,
  tableSizeUpdate,
  windowUpdate,
} from '../support/wire_frames.ts';
import { RecordingOwner } from '../support/wire_owner.ts';
import { againstClient, againstServer, GET, GET_LIST, list, OK, OK_LIST, POST } from '../support/wire_setup.ts';
import { socketPair } from '../support/wire_sockets.ts';

test('a server begins with its SETTINGS and opens its connection window (RFC 9113 section 3.4)', async (t) => {
  const { peer } = await againstServer(t, { settings: null });
  const first = await peer.next('SETTINGS');
  t.is(peer.received[0], first);
  t.deepEqual(
    [...first.settings],
    [
      [SETTING.INITIAL_WINDOW_SIZE, 256 * 1024],
      [SETTING.MAX_HEADER_LIST_SIZE, 64 * 1024],
      [SETTING.MAX_CONCURRENT_STREAMS, 4096],
      [SETTING.ENABLE_CONNECT_PROTOCOL, 1],
    ],
  );
  const update = await peer.next('WINDOW_UPDATE', 0);
  t.is(update.increment, 16 * 1024 * 1024 - 65_535);
});

test('a client begins with the preface and SETTINGS that turn push off (RFC 9113 sections 3.4 and 8.4)', async (t) => {
  const [socket, far] = await socketPair(t, 'memory');
  const first = new Promise<Buffer>((resolve) => far.once('data', resolve));
  new Connection(socket, 'client', new RecordingOwner(), UPSTREAM_LIMITS, new Flusher());
  const octets = await first;
  t.deepEqual(octets.subarray(0, 24), CLIENT_PREFACE);
  t.is(octets[24 + 3], 4);
  const { peer } = await againstClient(t, { settings: null });
  t.is((await peer.next('SETTINGS')).settings.get(SETTING.ENABLE_PUSH), 0);
});

test('a connection window of the initial size is not announced: an increment of 0 would be an error', async (t) => {
  const { peer } = await againstServer(t, { limits: { connectionWindow: 65_535 } });
  t.deepEqual(peer.of('WINDOW_UPDATE'), []);
});

test('the preface may come octet by octet (RFC 9113 section 3.4)', async (t) => {
  const { peer, owner } = await againstServer(t, { settings: null });
  for (const octet of Buffer.concat([CLIENT_PREFACE, settings()])) peer.send(Buffer.from([octet]));
  await owner.happened('ready');
  t.pass();
});

test('every SETTINGS is acknowledged; the first one makes the connection ready, later ones tell of changed capacity (RFC 9113 section 6.5.3)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  t.deepEqual(owner.names, ['ready']);
  peer.send(settings([SETTING.MAX_CONCURRENT_STREAMS, 1]));
  await peer.next('SETTINGS', (f) => f.ack);
  t.deepEqual(owner.names, ['ready', 'capacity']);
  t.true(connection.canOpen);
  connection.open(GET_LIST, true, false, null);
  t.false(connection.canOpen);
  peer.send(settings([SETTING.MAX_CONCURRENT_STREAMS, 2]));
  await peer.next('SETTINGS', (f) => f.ack);
  t.true(connection.canOpen);
});

test('unknown settings are ignored, and of one that is given twice the last counts (RFC 9113 section 6.5.2)', async (t) => {
  const { peer, connection } = await againstClient(t, {
    settings: [
      [0xff, 7],
      [SETTING.MAX_CONCURRENT_STREAMS, 7],
      [SETTING.MAX_CONCURRENT_STREAMS, 0],
      [SETTING.MAX_HEADER_LIST_SIZE, 1],
      [0x8, 1],
    ],
  });
  await peer.sync();
  t.false(connection.canOpen);
});

test('a client that says it accepts push is taken at its word: none is sent (RFC 9113 section 6.5.2)', async (t) => {
  for (const value of [0, 1]) {
    const { peer, owner } = await againstServer(t, { settings: [[SETTING.ENABLE_PUSH, value]] });
    await peer.sync();
    t.deepEqual(owner.tokens, []);
  }
});

test('DATA is cut to the peer’s MAX_FRAME_SIZE, and follows its changes (RFC 9113 section 4.2)', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 1 << 20]] });
  const body = Buffer.alloc(50_000, 7);
  peer.send(windowUpdate(0, 1 << 20), headers(1, GET, { end: true }));
  const { stream } = await owner.happened('request');
  connection.headers(stream, OK_LIST, false);
  connection.data(stream, body, 0, body.length, false, null);
  await peer.sync();
  const sizes = () => peer.of('DATA').map((f) => f.payload.length);
  t.deepEqual(sizes(), [16_384, 16_384, 16_384, 848]);
  peer.send(settings([SETTING.MAX_FRAME_SIZE, 40_000]));
  await peer.sync();
  connection.data(stream, body, 0, body.length, true, null);
  await peer.sync();
  t.deepEqual(sizes().slice(4), [40_000, 10_000]);
  t.deepEqual(
    peer
      .of('DATA')
      .map((f) => f.endStream)
      .slice(-2),
    [false, true],
  );
});

test('a header block beyond MAX_FRAME_SIZE goes on in CONTINUATION frames, END_STREAM stays on HEADERS (RFC 9113 section 6.10)', async (t) => {
  const { peer, connection } = await againstClient(t);
  const large: string[] = [];
  for (let i = 0; i < 5; i++) large.push(`x-${i}`, String(i).repeat(10_000));
  connection.open(list(...GET.flat(), ...large), true, false, null);
  const first = await peer.next('HEADERS', 1);
  await peer.sync();
  t.deepEqual(
    first.fields?.slice(-5).map(([name, value]) => [name, value.length]),
    [0, 1, 2, 3, 4].map((i) => [`x-${i}`, 10_000]),
  );
  const frames = peer.received.slice(peer.received.indexOf(first));
  t.deepEqual(
    frames.slice(0, 4).map((f) => [f.type, f.payload.length <= 16_384, f.endStream, f.endHeaders]),
    [
      ['HEADERS', true, true, false],
      ['CONTINUATION', true, false, false],
      ['CONTINUATION', true, false, false],
      ['CONTINUATION', true, false, true],
    ],
  );
});

test('a peer that allows no dynamic table gets none, and is told so at the start of the next block (RFC 7541 section 4.2)', async (t) => {
  const { peer, connection } = await againstClient(t, { settings: [[SETTING.HEADER_TABLE_SIZE, 0]] });
  peer.setTableSize(0);
  const request = (): HeaderList => new HeaderList([...GET.flat(), 'x-always', 'the same']);
  for (const id of [1, 3, 5, 7]) {
    connection.open(request(), true, false, null);
    t.is((await peer.next('HEADERS', id)).field('x-always'), 'the same');
    t.is(peer.tableEntries, 0);
  }
  peer.send(settings([SETTING.HEADER_TABLE_SIZE, 4096]));
  await peer.sync();
  peer.setTableSize(4096);
  for (const id of [9, 11, 13]) {
    connection.open(request(), true, false, null);
    await peer.next('HEADERS', id);
  }
  t.true(peer.tableEntries > 0);
});

test('our own HEADER_TABLE_SIZE binds the peer once it has acknowledged it, not before (RFC 7541 section 4.2)', async (t) => {
  const { peer, owner } = await againstServer(t, { limits: { headerTableSize: 100 }, settings: null });
  peer.ackSettings = false;
  peer.greet();
  t.is((await peer.next('SETTINGS')).settings.get(SETTING.HEADER_TABLE_SIZE), 100);
  peer.send(headers(1, Buffer.concat([tableSizeUpdate(4096), ...GET.map(([name, value]) => literal(name, value))])));
  await owner.happened('request');
  peer.send(frame('SETTINGS', 1, 0));
  peer.send(headers(3, Buffer.concat([tableSizeUpdate(100), ...GET.map(([name, value]) => literal(name, value))])));
  await owner.happened('request', ({ stream }) => stream.id === 3);
  peer.send(headers(5, Buffer.concat([tableSizeUpdate(101), ...GET.map(([name, value]) => literal(name, value))])));
  t.is((await peer.goaway()).debug, 'hpack_table_size_too_large');
});

test('our stream window beyond 65,535 counts only after the peer’s acknowledgement (RFC 9113 section 6.9.2)', async (t) => {
  const { peer, owner } = await againstServer(t, { settings: null });
  peer.ackSettings = false;
  owner.credits = false;
  peer.greet().send(headers(1, POST), headers(3, POST));
  for (const id of [1, 3])
    for (let i = 0; i < 4; i++) peer.send(data(id, Buffer.alloc(i < 3 ? 16_384 : 65_535 - 3 * 16_384)));
  await peer.sync();
  t.deepEqual(owner.tokens, []);
  peer.send(data(3, 'x'));
  t.is((await peer.next('RST_STREAM', 3)).errorCode, ERROR.FLOW_CONTROL_ERROR);
  peer.send(frame('SETTINGS', 1, 0));
  for (let i = 0; i < 12; i++) peer.send(data(1, Buffer.alloc(16_384 - (i === 0 ? 1 : 0)), { end: false }));
  await peer.sync();
  t.deepEqual(owner.tokens, ['data_beyond_stream_window']);
  peer.send(data(1, Buffer.alloc(3)));
  t.is((await peer.next('RST_STREAM', 1)).errorCode, ERROR.FLOW_CONTROL_ERROR);
});

test('a stream window that we made smaller may be exceeded by what was sent before; credit brings it back (RFC 9113 section 6.9.2)', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { limits: { streamWindow: 1_000 }, settings: null });
  peer.ackSettings = false;
  owner.credits = false;
  peer.greet().send(headers(1, POST), data(1, Buffer.alloc(5_000)), frame('SETTINGS', 1, 0));
  const { stream } = await owner.happened('request');
  await peer.sync();
  t.is(stream.receiveWindow.available, -4_000);
  connection.credit(stream, 5_000);
  t.is((await peer.next('WINDOW_UPDATE', 1)).increment, 5_000);
  peer.send(data(1, Buffer.alloc(1_000)));
  await peer.sync();
  t.deepEqual(owner.tokens, []);
});

test('an answer may be sent in the peer’s first turn, before it acknowledged anything (RFC 9113 section 3.4)', async (t) => {
  const owner = new RecordingOwner();
  const { peer, connection } = await againstServer(t, { owner, settings: null });
  owner.react.request = ({ stream }) => connection.headers(stream, OK_LIST, true);
  peer.ackSettings = false;
  peer.greet().send(headers(1, GET, { end: true }));
  t.is((await peer.next('HEADERS', 1)).field(':status'), '200');
});

test('a request may go out before the server’s SETTINGS are here (RFC 9113 section 3.4)', async (t) => {
  const { peer, owner, connection } = await againstClient(t, { settings: null });
  connection.open(GET_LIST, true, false, null);
  await peer.next('HEADERS', 1);
  peer.greet().send(headers(1, OK, { end: true }));
  await owner.happened('response');
  t.is(owner.names[0], 'ready');
});
