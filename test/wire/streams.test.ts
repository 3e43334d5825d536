import test from 'ava';
import type { Connection } from '../../src/http2/connection.ts';
import { ERROR, SETTING } from '../../src/http2/frame/codes.ts';
import { data, frame, headers, ping, priority, rstStream, settings, windowUpdate } from '../support/wire_frames.ts';
import {
  againstClient,
  againstServer,
  GET,
  GET_LIST,
  list,
  OK,
  OK_LIST,
  POST,
  POST_LIST,
} from '../support/wire_setup.ts';

/** The id that `connection` gives to its next stream: 2^30 streams take too long to open one by one. */
function skipTo(connection: Connection, id: number): void {
  (connection as unknown as { nextStreamId: number }).nextStreamId = id;
}

test('a stream closes when both sides have ended, whichever ends first (RFC 9113 section 5.1)', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(1, POST), headers(3, GET, { end: true }));
  const [first, second] = [
    (await owner.happened('request', ({ stream }) => stream.id === 1)).stream,
    (await owner.happened('request', ({ stream }) => stream.id === 3)).stream,
  ];
  connection.headers(first, OK_LIST, true);
  await peer.sync();
  t.deepEqual(owner.of('streamClosed'), []);
  peer.send(data(1, '', { end: true }));
  t.is((await owner.happened('streamClosed')).stream, first);
  connection.headers(second, OK_LIST, true);
  t.deepEqual(
    owner.of('streamClosed').map(({ stream }) => stream.id),
    [1, 3],
  );
  t.is(connection.streams.size, 0);
});

test('the peer’s RST_STREAM is told with its code, and then the stream is closed (RFC 9113 section 6.4)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(headers(1, POST), rstStream(1, ERROR.CANCEL));
  const { code, byPeer, unprocessed } = await owner.happened('reset');
  t.deepEqual({ code, byPeer, unprocessed }, { code: ERROR.CANCEL, byPeer: true, unprocessed: false });
  t.deepEqual(owner.names.slice(-3), ['request', 'reset', 'streamClosed']);
});

test('REFUSED_STREAM tells that the request was certainly not processed (RFC 9113 section 8.7)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  const stream = connection.open(GET_LIST, true, false, null);
  peer.send(rstStream(stream.id, ERROR.REFUSED_STREAM));
  t.true((await owner.happened('reset')).unprocessed);
});

test('an error code that RFC 9113 does not know is passed on as it is (section 7)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(headers(1, POST), rstStream(1, 0xffff_fffe));
  t.is((await owner.happened('reset')).code, 0xffff_fffe);
});

test('a reset that the owner asked for is sent, and not told back; a second one is nothing', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(1, POST));
  const { stream } = await owner.happened('request');
  connection.reset(stream, ERROR.CANCEL);
  connection.reset(stream, ERROR.INTERNAL_ERROR);
  connection.headers(stream, OK_LIST, true);
  connection.trailers(stream, OK_LIST);
  connection.data(stream, Buffer.from('late'), 0, 4, true, null);
  await peer.sync();
  t.deepEqual(
    peer.of('RST_STREAM').map((frame) => frame.errorCode),
    [ERROR.CANCEL],
  );
  t.deepEqual([...peer.of('HEADERS'), ...peer.of('DATA')], []);
  t.deepEqual(owner.of('reset'), []);
  t.is(owner.of('streamClosed').length, 1);
});

for (const how of ['reset', 'refused', 'malformed', 'content-length'] as const) {
  test(`what was on its way when a stream was ${how === 'content-length' ? 'ended for its length' : how} is ignored: DATA, trailers, WINDOW_UPDATE, RST_STREAM (RFC 9113 section 5.1)`, async (t) => {
    const { peer, owner, connection } = await againstServer(t, { limits: { maxConcurrentStreams: 1 } });
    peer.send(headers(1, POST));
    const { stream } = await owner.happened('request');
    if (how === 'reset') connection.reset(stream, ERROR.CANCEL);
    if (how === 'content-length') {
      connection.reset(stream, ERROR.CANCEL);
      peer.send(headers(3, [...POST, ['content-length', '1']]), data(3, 'xx'));
    }
    if (how === 'refused') peer.send(headers(3, POST));
    if (how === 'malformed') {
      connection.reset(stream, ERROR.CANCEL);
      peer.send(headers(3, [...POST, ['Bad', 'name']]));
    }
    const id = how === 'reset' ? 1 : 3;
    await peer.next('RST_STREAM', id);
    const tokens = owner.tokens;
    peer.send(
      data(id, 'x'),
      windowUpdate(id, 5),
      data(id, 'y'),
      priority(id, 0),
      headers(id, [['x', 'y']], { end: true }),
    );
    peer.send(data(id, '', { end: true }), rstStream(id, ERROR.CANCEL));
    if (how === 'refused') connection.reset(stream, ERROR.CANCEL);
    // The connection is as good as before.
    peer.send(headers(5, GET, { end: true }));
    await owner.happened('request', (event) => event.stream.id === 5);
    t.deepEqual(owner.tokens, tokens);
    t.is(peer.of('RST_STREAM', id).length, 1);
  });
}

test('however many streams were reset, what was on its way for the first of them is still ignored', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  owner.react.request = ({ stream }) => {
    if (stream.id < 5_000) connection.reset(stream, ERROR.CANCEL);
  };
  for (let id = 1; id < 5_000; id += 2) peer.send(headers(id, POST));
  await peer.next('RST_STREAM', 4_999);
  peer.send(data(1, 'x'), headers(1, [['x', 'y']], { end: true }), headers(5_001, GET, { end: true }));
  await owner.happened('request', ({ stream }) => stream.id === 5_001);
  t.deepEqual(owner.tokens, []);
});

test('an answer that crossed our reset is ignored, its header block still counts for the table (RFC 9113 section 5.1)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  const stream = connection.open(POST_LIST, false, false, null);
  connection.reset(stream, ERROR.CANCEL);
  peer.send(headers(1, OK), data(1, 'late'), headers(1, [['x', 'y']], { end: true }), rstStream(1, ERROR.CANCEL));
  await peer.sync();
  t.deepEqual(owner.names, ['ready', 'streamClosed']);
});

test('requests beyond our MAX_CONCURRENT_STREAMS are refused, and the slot of a closed stream is free at once (RFC 9113 section 5.1.2)', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { limits: { maxConcurrentStreams: 2 } });
  t.is(peer.of('SETTINGS')[0]?.settings.get(SETTING.MAX_CONCURRENT_STREAMS), 2);
  peer.send(headers(1, GET, { end: true }), headers(3, GET, { end: true }), headers(5, GET, { end: true }));
  t.is((await peer.next('RST_STREAM', 5)).errorCode, ERROR.REFUSED_STREAM);
  const { stream } = await owner.happened('request');
  connection.headers(stream, OK_LIST, true);
  peer.send(headers(7, GET, { end: true }));
  await owner.happened('request', (event) => event.stream.id === 7);
  t.deepEqual(
    owner.of('request').map((event) => event.stream.id),
    [1, 3, 7],
  );
});

test('the peer’s MAX_CONCURRENT_STREAMS bounds what can be opened, also when it falls below what is open (RFC 9113 section 5.1.2)', async (t) => {
  const { peer, owner, connection } = await againstClient(t, { settings: [[SETTING.MAX_CONCURRENT_STREAMS, 2]] });
  for (let i = 0; i < 2; i++) {
    t.true(connection.canOpen);
    connection.open(GET_LIST, true, false, null);
  }
  t.false(connection.canOpen);
  peer.send(settings([SETTING.MAX_CONCURRENT_STREAMS, 1]), headers(1, OK, { end: true }));
  await owner.happened('streamClosed');
  t.false(connection.canOpen);
  peer.send(headers(3, OK, { end: true }));
  await owner.happened('streamClosed', ({ stream }) => stream.id === 3);
  t.true(connection.canOpen);
});

test('streams of a client have the odd ids in turn, and none is left after 2^31-1 (RFC 9113 section 5.1.1)', async (t) => {
  const { peer, connection } = await againstClient(t);
  t.deepEqual(
    [1, 2, 3].map(() => connection.open(GET_LIST, true, false, null).id),
    [1, 3, 5],
  );
  skipTo(connection, 2 ** 31 - 3);
  t.is(connection.open(GET_LIST, true, false, null).id, 2 ** 31 - 3);
  t.true(connection.canOpen);
  t.false(connection.exhausted);
  const last = connection.open(GET_LIST, true, false, null);
  t.is(last.id, 2 ** 31 - 1);
  t.true(connection.exhausted);
  t.false(connection.canOpen);
  peer.send(headers(last.id, OK, { end: true }));
  await peer.next('HEADERS', last.id);
  await peer.sync();
  t.is(connection.streams.get(last.id), undefined);
  t.true(connection.exhausted);
});

test('it is known whether a peer can have heard of a stream: not before the turn in which it was opened has ended', async (t) => {
  const { peer, connection } = await againstClient(t);
  await peer.sync();
  const stream = connection.open(POST_LIST, false, false, null);
  t.false(connection.wasSent(stream));
  t.is(connection.opened, 1);
  await peer.next('HEADERS', 1);
  t.true(connection.wasSent(stream));
});

test('a server takes stream 2^31-1 as its last', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(2 ** 31 - 1, GET, { end: true }));
  const { stream } = await owner.happened('request');
  connection.headers(stream, OK_LIST, true);
  t.true((await peer.next('HEADERS', 2 ** 31 - 1)).endStream);
});

test('ids may be skipped; what was skipped is closed for good (RFC 9113 section 5.1.1)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(headers(9, GET, { end: true }), headers(5, GET, { end: true }));
  const goaway = await peer.goaway();
  t.is(goaway.debug, 'stream_id_backwards');
  t.is(goaway.lastStreamId, 9);
  t.is(owner.of('request').length, 1);
});

test('answers may come in any order, and interleaved', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  const streams = [1, 2, 3].map(() => connection.open(GET_LIST, true, false, null));
  peer.send(headers(5, OK), headers(1, OK), data(5, 'c'), headers(3, OK), data(1, 'a'), data(3, 'b'), data(5, 'cc'));
  peer.send(data(3, '', { end: true }), data(5, '', { end: true }), data(1, '', { end: true }));
  await owner.happened('streamClosed', ({ stream }) => stream.id === 1);
  t.deepEqual(
    streams.map((stream) => owner.body(stream).toString()),
    ['a', 'b', 'ccc'],
  );
  t.deepEqual(
    owner.of('streamClosed').map(({ stream }) => stream.id),
    [3, 5, 1],
  );
});

test('an answer before the end of the request lets the rest of it still be sent (RFC 9113 section 8.1)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  const stream = connection.open(POST_LIST, false, false, null);
  peer.send(headers(1, OK, { end: true }));
  await owner.happened('response');
  t.deepEqual(owner.of('streamClosed'), []);
  connection.data(stream, Buffer.from('rest'), 0, 4, true, null);
  t.true((await peer.next('DATA')).endStream);
  await owner.happened('streamClosed');
});

test('the rest of a request that is not wanted is reset with NO_ERROR, after the answer has ended and not before (RFC 9113 section 8.1)', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 2]] });
  peer.send(headers(1, POST));
  const { stream } = await owner.happened('request');
  connection.headers(stream, OK_LIST, false);
  connection.data(stream, Buffer.from('answer'), 0, 6, true, null);
  connection.stopReceiving(stream);
  await peer.sync();
  t.deepEqual(peer.of('RST_STREAM'), []);
  peer.send(windowUpdate(1, 4));
  t.is((await peer.next('RST_STREAM', 1)).errorCode, ERROR.NO_ERROR);
  t.is(peer.body(1).toString(), 'answer');
  t.true(peer.received.findIndex((f) => f.endStream) < peer.received.findIndex((f) => f.type === 'RST_STREAM'));
  t.is(owner.of('streamClosed').length, 1);

  peer.send(headers(3, POST));
  const second = (await owner.happened('request', (event) => event.stream.id === 3)).stream;
  connection.headers(second, OK_LIST, true);
  connection.stopReceiving(second);
  t.is((await peer.next('RST_STREAM', 3)).errorCode, ERROR.NO_ERROR);
});

test('nothing wrong happens when the request ends in time after all', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(1, GET, { end: true }));
  const { stream } = await owner.happened('request');
  connection.stopReceiving(stream);
  connection.headers(stream, OK_LIST, true);
  await peer.sync();
  t.deepEqual(peer.of('RST_STREAM'), []);
});

test('PING is answered with the same eight octets (RFC 9113 section 6.7)', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  const [pong] = await peer.sync();
  t.is(pong, undefined);
  connection.ping();
  const question = await peer.next('PING', (f) => !f.ack);

  peer.send(ping(question.payload, true));
  await owner.happened('pong');
});

test('a frame of an unknown type is ignored, on any stream (RFC 9113 section 4.1)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(frame(0x16, 0xff, 0, Buffer.from('x')), frame(0xff, 0, 77, Buffer.alloc(16_384)), headers(1, POST));
  peer.send(frame(0x10, 0, 1), data(1, 'ok', { end: true }));
  await owner.happened('data', ({ end }) => end);
  t.deepEqual(owner.tokens, []);
});

test('unknown flags are ignored (RFC 9113 section 4.1)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(frame('PING', 0x16, 0, Buffer.alloc(8)), frame('WINDOW_UPDATE', 0xff, 0, Buffer.from([0, 0, 0, 1])));
  peer.send(headers(1, POST), frame('DATA', 0xc0, 1, Buffer.from('body')));
  await owner.happened('data');
  t.deepEqual(owner.tokens, []);
});

test('PRIORITY is ignored in every state of a stream, idle ones included (RFC 9113 section 5.3.2)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(
    priority(7, 0),
    priority(1, 7),
    headers(1, POST),
    priority(1, 3),
    data(1, '', { end: true }),
    priority(1, 0),
  );
  peer.send(rstStream(1, ERROR.CANCEL), priority(1, 5), headers(3, GET, { end: true }));
  await owner.happened('request', ({ stream }) => stream.id === 3);
  t.deepEqual(owner.tokens, []);
});

test('an owner that answers inside every callback does not upset the engine', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  owner.react.request = ({ stream, end }) => {
    if (end) connection.headers(stream, OK_LIST, true);
  };
  owner.react.data = ({ stream, end }) => {
    if (!end) return;
    connection.headers(stream, OK_LIST, false);
    connection.trailers(stream, list('x', 'y'));
  };
  owner.react.trailers = ({ stream }) => connection.reset(stream, ERROR.CANCEL);
  peer.send(headers(1, GET, { end: true }), headers(3, POST), data(3, 'x', { end: true }));
  peer.send(headers(5, POST), headers(5, [['x', 'y']], { end: true }), headers(7, GET, { end: true }));
  await peer.next('HEADERS', 7);
  t.deepEqual(
    owner.of('streamClosed').map(({ stream }) => stream.id),
    [1, 3, 5, 7],
  );
  t.is(connection.streams.size, 0);
  t.deepEqual(owner.tokens, []);
});
