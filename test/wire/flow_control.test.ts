import test from 'ava';
import fc from 'fast-check';
import type { Connection } from '../../src/http2/connection.ts';
import { ERROR, SETTING } from '../../src/http2/frame/codes.ts';
import type { Stream } from '../../src/http2/streams/stream.ts';
import { data, headers, rstStream, settings, windowUpdate } from '../support/wire_frames.ts';
import { ObedientSender } from '../support/wire_obedient.ts';
import { RecordingOwner } from '../support/wire_owner.ts';
import { holds } from '../support/wire_property.ts';
import {
  againstClient,
  againstServer,
  GET,
  list,
  OK,
  OK_LIST,
  POST,
  POST_LIST,
  type Wire,
} from '../support/wire_setup.ts';

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

function sendBody(connection: Connection, stream: Stream, body: Buffer, end: boolean): void {
  connection.data(stream, body, 0, body.length, end, null);
}

/** A request on stream 1 of a peer whose stream windows are `window`, answered with headers. */
async function answered(t: Parameters<typeof againstServer>[0], window: number): Promise<Wire & { stream: Stream }> {
  const wire = await againstServer(t, { settings: [[SETTING.INITIAL_WINDOW_SIZE, window]] });
  wire.peer.send(headers(1, GET, { end: true }));
  const { stream } = await wire.owner.happened('request');
  wire.connection.headers(stream, OK_LIST, false);
  return { ...wire, stream };
}

test('DATA waits for the stream window and then goes out in order, END_STREAM with its last octet (RFC 9113 section 6.9.1)', async (t) => {
  const { peer, connection, stream } = await answered(t, 10);
  const body = bytes(100);
  connection.data(stream, body, 0, 60, false, null);
  connection.data(stream, body, 60, 100, true, null);
  await peer.sync();
  t.deepEqual(peer.body(1), body.subarray(0, 10));
  let granted = 10;
  for (const increment of [1, 49, 7, 33]) {
    t.false(peer.of('DATA').some((f) => f.endStream));
    peer.send(windowUpdate(1, increment));
    await peer.sync();
    granted += increment;
    t.deepEqual(peer.body(1), body.subarray(0, granted));
  }
  t.deepEqual(
    peer.of('DATA').map((f) => f.endStream),
    [...Array(peer.of('DATA').length - 1).fill(false), true],
  );
});

test('DATA waits for the connection window too, and streams take turns when it grows', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 1 << 20]] });
  const body = bytes(40_000);
  owner.react.request = ({ stream }) => {
    connection.headers(stream, OK_LIST, false);
    sendBody(connection, stream, body, true);
  };
  peer.send(headers(1, GET, { end: true }), headers(3, GET, { end: true }), headers(5, GET, { end: true }));
  await peer.sync();
  t.deepEqual(
    [1, 3, 5].map((id) => peer.body(id).length),
    [40_000, 25_535, 0],
  );
  peer.send(windowUpdate(0, 20_000));
  await peer.sync();
  t.deepEqual(
    [1, 3, 5].map((id) => peer.body(id).length),
    [40_000, 40_000, 5_535],
  );
  peer.send(windowUpdate(0, 34_465));
  await peer.sync();
  for (const id of [1, 3, 5]) t.deepEqual(peer.body(id), body);
  t.is(peer.of('DATA').filter((f) => f.endStream).length, 3);
});

test('a stream that waits for its own window does not hold back the others', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 100]] });
  owner.react.request = ({ stream }) => {
    connection.headers(stream, OK_LIST, false);
    sendBody(connection, stream, bytes(stream.id === 1 ? 1_000 : 50), true);
  };
  peer.send(headers(1, GET, { end: true }), headers(3, GET, { end: true }), windowUpdate(0, 5));
  await peer.sync();
  t.is(peer.body(1).length, 100);
  t.is(peer.body(3).length, 50);
  t.true(peer.of('DATA', 3).some((f) => f.endStream));
});

test('trailers wait until all DATA before them has gone out', async (t) => {
  const { peer, connection, stream } = await answered(t, 10);
  sendBody(connection, stream, bytes(30), false);
  connection.trailers(stream, list('grpc-status', '0'));
  await peer.sync();
  t.is(peer.of('HEADERS', 1).length, 1);
  peer.send(windowUpdate(1, 15));
  await peer.sync();
  t.is(peer.of('HEADERS', 1).length, 1);
  peer.send(windowUpdate(1, 5));
  const trailers = await peer.next('HEADERS', (f) => f.field('grpc-status') !== undefined);
  t.true(trailers.endStream);
  t.deepEqual(peer.body(1), bytes(30));
  t.false(peer.of('DATA').some((f) => f.endStream));
});

test('END_STREAM without content waits behind DATA that waits, and needs no window itself', async (t) => {
  const { peer, connection, stream } = await answered(t, 10);
  sendBody(connection, stream, bytes(20), false);
  sendBody(connection, stream, bytes(0), true);
  await peer.sync();
  t.false(peer.of('DATA').some((f) => f.endStream));
  peer.send(windowUpdate(1, 10));
  const last = await peer.next('DATA', (f) => f.endStream);
  t.deepEqual(peer.body(1), bytes(20));
  t.is(
    peer.received.findLast((f) => f.type === 'DATA'),
    last,
  );

  const empty = await answered(t, 0);
  sendBody(empty.connection, empty.stream, bytes(0), true);
  t.is((await empty.peer.next('DATA', (f) => f.endStream)).payload.length, 0);
});

test('raising INITIAL_WINDOW_SIZE lets waiting DATA go, on every open stream (RFC 9113 section 6.9.2)', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 0]] });
  owner.react.request = ({ stream }) => {
    connection.headers(stream, OK_LIST, false);
    sendBody(connection, stream, bytes(100), true);
  };
  peer.send(headers(1, GET, { end: true }), headers(3, GET, { end: true }));
  await peer.sync();
  t.is(peer.of('DATA').length, 0);
  peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 60]));
  await peer.sync();
  t.deepEqual(
    [1, 3].map((id) => peer.body(id).length),
    [60, 60],
  );
  peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 100]));
  await peer.sync();
  for (const id of [1, 3]) t.deepEqual(peer.body(id), bytes(100));
});

test('lowering INITIAL_WINDOW_SIZE can make windows negative: they must be filled up before anything goes out (RFC 9113 section 6.9.2)', async (t) => {
  const { peer, connection, stream } = await answered(t, 100);
  sendBody(connection, stream, bytes(300), true);
  await peer.sync();
  peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 30]));
  await peer.sync();
  t.is(stream.sendWindow.available, -70);
  peer.send(windowUpdate(1, 70));
  await peer.sync();
  t.is(peer.body(1).length, 100);
  peer.send(windowUpdate(1, 1));
  await peer.sync();
  t.is(peer.body(1).length, 101);
  peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 300]));
  await peer.sync();
  t.deepEqual(peer.body(1), bytes(300));
});

test('a stream that is opened while a SETTINGS frame raises the windows starts with the new size, not with more', async (t) => {
  const owner = new RecordingOwner();
  const { peer, connection } = await againstClient(t, { owner, settings: [[SETTING.INITIAL_WINDOW_SIZE, 10]] });
  const first = connection.open(POST_LIST, false, false, null);
  sendBody(connection, first, bytes(20), true);
  // The answer is complete before the request is: the stream closes as soon as the rest has gone out, and its slot is used at once.
  peer.send(headers(1, OK, { end: true }));
  await owner.happened('response');
  owner.react.streamClosed = () => {
    owner.react = {};
    sendBody(connection, connection.open(POST_LIST, false, false, null), bytes(100), true);
  };
  peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 50]));
  await peer.next('HEADERS', 3);
  await peer.sync();
  t.is(peer.body(3).length, 50);
});

test('DATA that waits on a stream which is reset is dropped, and nothing of it is sent later', async (t) => {
  const { peer, connection, stream, owner } = await answered(t, 10);
  sendBody(connection, stream, bytes(30), true);
  await peer.sync();
  peer.send(rstStream(1, ERROR.CANCEL));
  await owner.happened('reset');
  peer.send(windowUpdate(1, 100), windowUpdate(0, 100), settings([SETTING.INITIAL_WINDOW_SIZE, 1000]));
  await peer.sync();
  t.is(peer.body(1).length, 10);
  t.deepEqual(owner.tokens, []);
});

test('a window may reach 2^31-1 and is used beyond the range of a signed 32-bit sum', async (t) => {
  const { peer, connection, stream } = await answered(t, 2 ** 31 - 1);
  peer.send(windowUpdate(0, 2 ** 31 - 1 - 65_535));
  sendBody(connection, stream, bytes(200_000), true);
  await peer.next('DATA', (f) => f.endStream);
  t.is(peer.body(1).length, 200_000);
});

test('nothing is credited before the owner has passed the octets on', async (t) => {
  const owner = new RecordingOwner();
  owner.credits = false;
  const { peer, connection } = await againstServer(t, {
    owner,
    limits: { streamWindow: 1_000, connectionWindow: 65_535 },
  });
  peer.send(headers(1, POST), data(1, bytes(1_000)));
  const { stream } = await owner.happened('data');
  await peer.sync();
  t.deepEqual(peer.of('WINDOW_UPDATE'), []);
  connection.credit(stream, 499);
  await peer.sync();
  t.deepEqual(peer.of('WINDOW_UPDATE'), []);
  connection.credit(stream, 1);
  t.is((await peer.next('WINDOW_UPDATE', 1)).increment, 500);
});

test('a stream whose sender has ended is credited no more, the connection still is', async (t) => {
  const { peer } = await againstServer(t, { limits: { streamWindow: 1_000, connectionWindow: 65_535 } });
  for (let id = 1; id <= 67; id += 2) peer.send(headers(id, POST), data(id, bytes(1_000), { end: true }));
  await peer.sync();
  t.deepEqual([...new Set(peer.of('WINDOW_UPDATE').map((f) => f.streamId))], [0]);
  t.is(peer.of('WINDOW_UPDATE')[0]?.increment, 33_000);
});

interface Move {
  readonly stream: number;
  readonly octets: number;
  readonly padding: number | null;
  readonly next: 'more' | 'end' | 'reset by peer' | 'reset by us' | 'rule broken' | 'settle';
}
const move: fc.Arbitrary<Move> = fc.record({
  stream: fc.nat(5),
  octets: fc.oneof(fc.nat(50), fc.nat(5_000)),
  padding: fc.oneof(fc.constant(null), fc.nat(255)),
  next: fc.oneof(
    { weight: 12, arbitrary: fc.constant('more' as const) },
    { weight: 3, arbitrary: fc.constant('settle' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        'end' as const,
        'reset by peer' as const,
        'reset by us' as const,
        'rule broken' as const,
      ),
    },
  ),
});

for (const credits of ['at once', 'later'] as const) {
  test(`no window leaks: whatever is padded, ended or reset, all but less than half of every window comes back (credited ${credits})`, async (t) => {
    const streamWindow = 10_000;
    const connectionWindow = 70_000;
    await holds(
      t,
      fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 80 }), async (moves) => {
        const owner = new RecordingOwner();
        owner.credits = credits === 'at once';
        const { peer, connection } = await againstServer(t, { owner, limits: { streamWindow, connectionWindow } });
        const sender = new ObedientSender(peer, streamWindow);
        const streams: Stream[] = [];
        owner.react.request = ({ stream }) => streams.push(stream);
        for (let id = 1; id <= 11; id += 2) peer.send(headers(id, POST));
        await peer.sync();
        const settle = async (): Promise<void> => {
          await peer.sync();
          if (!owner.credits)
            for (const { stream, octets } of owner.of('data')) connection.credit(stream, octets.length);
          owner.events.length = 0;
          await peer.sync();
        };
        const ended = new Set<number>();
        for (const { stream: index, octets, padding, next } of moves) {
          const id = 2 * index + 1;
          const stream = streams[index] as Stream;
          // A stream that the sender ended itself is left alone; one that was reset may still get what is on its way.
          if (ended.has(id)) continue;
          sender.send(id, Buffer.alloc(octets), { padding, end: next === 'end' });
          if (next === 'end' || next === 'reset by peer') ended.add(id);
          if (next === 'reset by peer') peer.send(rstStream(id, ERROR.CANCEL));
          if (next === 'reset by us') connection.reset(stream, ERROR.CANCEL);
          if (next === 'rule broken') peer.send(headers(id, POST));
          if (next === 'settle') await settle();
        }
        await settle();
        const lacking = connectionWindow - sender.left(0);
        if (lacking < 0 || lacking * 2 >= connectionWindow) throw new Error(`the connection window lacks ${lacking}`);
        for (const stream of connection.streams.all()) {
          const lacks = streamWindow - sender.left(stream.id);
          if (stream.readable && (lacks < 0 || lacks * 2 >= streamWindow))
            throw new Error(`stream ${stream.id} lacks ${lacks}`);
        }
        if (connection.failed) throw new Error(`the connection failed: ${owner.tokens}`);
      }),
      { numRuns: 60 },
    );
  });
}
