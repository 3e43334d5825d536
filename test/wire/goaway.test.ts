import test from 'ava';
import { ERROR } from '../../src/http2/frame/codes.ts';
import { data, goaway, headers, ping, rstStream, settings, windowUpdate } from '../support/wire_frames.ts';
import { againstClient, againstServer, GET, GET_LIST, OK, OK_LIST, POST } from '../support/wire_setup.ts';

const MAX = 2 ** 31 - 1;

test('GOAWAY tells of streams above its last id as unprocessed, the others finish, then the connection closes (RFC 9113 section 6.8)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  for (let i = 0; i < 4; i++) connection.open(GET_LIST, true, false, null);
  peer.send(goaway(3, ERROR.NO_ERROR));
  const event = await owner.happened('goaway');
  t.deepEqual([event.lastStreamId, event.code], [3, ERROR.NO_ERROR]);
  t.deepEqual(
    owner.of('reset').map(({ stream, unprocessed, byPeer }) => [stream.id, unprocessed, byPeer]),
    [
      [5, true, true],
      [7, true, true],
    ],
  );
  t.true(owner.names.lastIndexOf('reset') < owner.names.indexOf('goaway'));
  t.false(connection.canOpen);
  t.deepEqual(owner.of('closed'), []);
  peer.send(headers(3, OK, { end: true }), headers(1, OK), data(1, 'x', { end: true }));
  t.is((await owner.happened('closed')).reason, 'drained');
  t.deepEqual(
    owner.of('response').map(({ stream }) => stream.id),
    [3, 1],
  );
});

test('a server may announce its end first and name the last id later (RFC 9113 section 6.8)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  for (let i = 0; i < 2; i++) connection.open(GET_LIST, true, false, null);
  peer.send(goaway(MAX, ERROR.NO_ERROR));
  await owner.happened('goaway');
  t.false(connection.canOpen);
  t.deepEqual(owner.of('reset'), []);
  peer.send(goaway(1, ERROR.ENHANCE_YOUR_CALM, 'too_many_pings'));
  const second = await owner.happened('goaway', ({ code }) => code !== 0);
  t.is(second.debug, 'too_many_pings');
  t.deepEqual(
    owner.of('reset').map(({ stream }) => stream.id),
    [3],
  );
});

test('GOAWAY with nothing open closes the connection', async (t) => {
  for (const against of [againstClient, againstServer]) {
    const { peer, owner } = await against(t);
    peer.send(goaway(0, ERROR.NO_ERROR));
    await owner.happened('closed');
    t.deepEqual(owner.of('goaway').length, 1);
  }
});

test('debug data is passed on as far as it is useful, whatever it holds', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  connection.open(GET_LIST, true, false, null);
  peer.send(goaway(MAX, ERROR.INTERNAL_ERROR, 'x'.repeat(10_000)));
  t.is((await owner.happened('goaway')).debug, 'x'.repeat(128));
});

test('a client’s GOAWAY lets its requests finish (RFC 9113 section 6.8)', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(1, GET, { end: true }), goaway(0, ERROR.NO_ERROR));
  await owner.happened('goaway');
  const [request] = owner.of('request');
  t.deepEqual(owner.of('reset'), []);
  if (request !== undefined) connection.headers(request.stream, OK_LIST, true);
  t.true((await peer.next('HEADERS', 1)).endStream);
  await owner.happened('closed');
});

test('a server shuts down in two steps, so that no request in flight is lost (RFC 9113 section 6.8)', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(1, GET, { end: true }));
  const first = (await owner.happened('request')).stream;
  connection.shutdown();
  connection.shutdown();
  const warning = await peer.next('GOAWAY');
  t.deepEqual([warning.lastStreamId, warning.errorCode], [MAX, ERROR.NO_ERROR]);
  const question = await peer.next('PING', (frame) => !frame.ack);
  // On its way when the peer read the GOAWAY.
  peer.send(headers(3, GET, { end: true }));
  const second = (await owner.happened('request', ({ stream }) => stream.id === 3)).stream;
  t.is(peer.of('GOAWAY').length, 1);
  peer.send(ping(question.payload, true));
  t.is((await peer.next('GOAWAY')).lastStreamId, 3);
  connection.headers(first, OK_LIST, true);
  await peer.next('HEADERS', 1);
  t.false(peer.ended);
  connection.headers(second, OK_LIST, true);
  await peer.next('HEADERS', 3);
  await peer.end();
  t.is((await owner.happened('closed')).reason, 'drained');
  t.is(peer.of('GOAWAY').length, 2);
});

test('an answer to an earlier PING is not taken for the round trip of the shutdown', async (t) => {
  const { peer, connection } = await againstServer(t);
  connection.ping();
  const earlier = await peer.next('PING', (frame) => !frame.ack);
  connection.shutdown();
  peer.send(ping(earlier.payload, true));
  await peer.sync();
  t.deepEqual(
    peer.of('GOAWAY').map((frame) => frame.lastStreamId),
    [MAX],
  );
});

test('after the final GOAWAY new requests are ignored with all that belongs to them, those before it still work (RFC 9113 section 6.8)', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(1, POST));
  const { stream } = await owner.happened('request');
  connection.shutdown();
  peer.send(ping((await peer.next('PING', (frame) => !frame.ack)).payload, true));
  await peer.next('GOAWAY', (frame) => frame.lastStreamId === 1);
  peer.send(headers(3, POST), data(3, 'x'), windowUpdate(3, 10), headers(3, [['x', 'y']], { end: true }));
  peer.send(headers(5, POST), rstStream(5, ERROR.CANCEL), settings(), data(1, 'y', { end: true }));
  await owner.happened('data', ({ end }) => end);
  t.deepEqual([owner.of('request').length, owner.tokens, peer.of('RST_STREAM')], [1, [], []]);
  connection.headers(stream, OK_LIST, true);
  await peer.next('HEADERS', 1);
  await owner.happened('closed');
});

test('the last id of a GOAWAY never grows, also when the connection fails after its shutdown (RFC 9113 section 6.8)', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(1, POST));
  await owner.happened('request');
  connection.shutdown();
  peer.send(ping((await peer.next('PING', (frame) => !frame.ack)).payload, true));
  await peer.next('GOAWAY', (frame) => frame.lastStreamId === 1);
  peer.send(headers(7, POST), ping('bad'));
  t.is((await peer.goaway()).debug, 'ping_size');
  t.deepEqual(
    peer.of('GOAWAY').map((frame) => frame.lastStreamId),
    [MAX, 1, 1],
  );
});

test('a server that shuts down idle is gone after the round trip', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  connection.shutdown();
  peer.send(ping((await peer.next('PING', (frame) => !frame.ack)).payload, true));
  await owner.happened('closed');
  await peer.end();
  t.deepEqual(
    peer.of('GOAWAY').map((frame) => frame.lastStreamId),
    [MAX, 0],
  );
});

test('a client shuts down when its last stream has ended', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  connection.open(GET_LIST, true, false, null);
  connection.shutdown();
  t.is((await peer.next('GOAWAY')).lastStreamId, 0);
  t.false(connection.canOpen);
  peer.send(headers(1, OK, { end: true }));
  await owner.happened('closed');
  t.deepEqual(owner.names.slice(-3), ['response', 'streamClosed', 'closed']);
});

test('an owner that opens elsewhere and resets here while streams are reported does no harm', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  const streams = [1, 2, 3].map(() => connection.open(GET_LIST, true, false, null));
  owner.react.reset = () => {
    for (const stream of streams) connection.reset(stream, ERROR.CANCEL);
  };
  peer.send(goaway(0, ERROR.NO_ERROR));
  await owner.happened('closed');
  t.is(owner.of('streamClosed').length, 3);
  t.is(owner.of('closed').length, 1);
});
