import test from 'ava';
import { Flusher } from '../../src/http2/flusher.ts';
import { ERROR, SETTING } from '../../src/http2/frame/codes.ts';
import type { Limits } from '../../src/http2/limits.ts';
import type { ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import {
  cutHeaders,
  data,
  frame,
  headers,
  indexedLiteral,
  literal,
  ping,
  priority,
  rstStream,
  settings,
  windowUpdate,
} from '../support/wire_frames.ts';
import { RelaySide } from '../support/wire_relay.ts';
import { againstClient, againstServer, GET, list, OK_LIST, POST } from '../support/wire_setup.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

/** Frames that cost the peer little and us some work, for ever: the i-th portion of a flood. */
const OVERHEAD: readonly (readonly [string, () => Buffer])[] = [
  ['PING', () => ping('12345678')],
  ['answers to PINGs that were never sent', () => ping('12345678', true)],
  ['SETTINGS', () => settings()],
  [
    'SETTINGS that change something',
    () => settings([SETTING.INITIAL_WINDOW_SIZE, 5], [SETTING.INITIAL_WINDOW_SIZE, 50]),
  ],
  ['PRIORITY', () => priority(101, 0)],
  ['empty DATA', () => data(1, '')],
  ['frames of an unknown type', () => frame(0xfa, 0, 0)],
  ['WINDOW_UPDATE on a closed stream', () => windowUpdate(3, 1)],
  ['RST_STREAM on a closed stream', () => rstStream(3, ERROR.CANCEL)],
  ['trailers on a stream that was reset', () => headers(3, [['x', 'y']], { end: true })],
];

for (const [what, one] of OVERHEAD) {
  test(`a flood of ${what} ends the connection with ENHANCE_YOUR_CALM`, async (t) => {
    const { peer, owner, connection } = await againstServer(t, { limits: { maxOverheadFrames: 100 } });
    peer.send(headers(1, POST), headers(3, POST));
    connection.reset((await owner.happened('request', ({ stream }) => stream.id === 3)).stream, ERROR.CANCEL);
    await peer.sync();
    peer.send(many(300, one));
    const last = await peer.goaway();
    t.deepEqual([last.errorCode, last.debug], [ERROR.ENHANCE_YOUR_CALM, 'overhead_flood']);
    t.deepEqual(owner.tokens, ['overhead_flood']);
  });
}

test('a flood of interim answers ends the connection with ENHANCE_YOUR_CALM', async (t) => {
  const { peer, owner, connection } = await againstClient(t, { limits: { maxOverheadFrames: 100 } });
  connection.open(list(...GET.flat()), true, false, null);
  peer.send(many(300, () => headers(1, [[':status', '103']])));
  t.is((await peer.goaway()).debug, 'overhead_flood');
  t.true(owner.of('informational').length < 150);
});

test('what an honest peer sends is far from any flood: 3,000 small requests and answers in one go', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  owner.react.data = ({ stream, end }) => {
    if (!end) return;
    connection.headers(stream, OK_LIST, false);
    connection.data(stream, Buffer.from('pong'), 0, 4, false, null);
    connection.trailers(stream, list('grpc-status', '0'));
  };
  peer.send(many(3_000, (i) => Buffer.concat([headers(2 * i + 1, POST), data(2 * i + 1, 'ping', { end: true })])));
  await peer.next('HEADERS', (f) => f.streamId === 5_999 && f.endStream);
  t.deepEqual(owner.tokens, []);
});

const RESETS: readonly (readonly [string, (i: number) => Buffer])[] = [
  [
    'requests that are cancelled at once (rapid reset)',
    (i) => Buffer.concat([headers(2 * i + 5, POST), rstStream(2 * i + 5, ERROR.CANCEL)]),
  ],
  ['malformed requests', (i) => headers(2 * i + 5, [['Bad', 'x']])],
  ['requests beyond the limit of streams', (i) => headers(2 * i + 5, POST)],
  ['requests with too many headers', (i) => headers(2 * i + 5, [...POST, ['x', 'v'.repeat(2_000)]])],
  [
    'broken content-lengths',
    (i) => Buffer.concat([headers(2 * i + 5, [...POST, ['content-length', '1']]), data(2 * i + 5, 'xx')]),
  ],
  ['PRIORITY frames of a wrong size', () => frame('PRIORITY', 0, 1, Buffer.alloc(4))],
  ['PRIORITY frames that depend on themselves', () => priority(1, 1)],
  ['window overflows', (i) => Buffer.concat([headers(2 * i + 5, POST), windowUpdate(2 * i + 5, 2 ** 31 - 1)])],
];

for (const [what, portion] of RESETS) {
  test(`a flood of ${what} ends the connection with ENHANCE_YOUR_CALM`, async (t) => {
    const limits = { maxResets: 50, maxConcurrentStreams: 20, maxHeaderListSize: 1_000 };
    const { peer, owner, connection } = await againstServer(t, { limits });
    peer.send(headers(1, POST));
    await owner.happened('request');
    await peer.sync();
    peer.send(many(200, portion));
    const last = await peer.goaway();
    t.deepEqual([last.errorCode, last.debug], [ERROR.ENHANCE_YOUR_CALM, 'reset_flood']);
    // A budget that was not used for a while gives twice its burst at most.
    t.true(peer.of('RST_STREAM').length <= 110);
    t.is(connection.streams.size, 0);
  });
}

test('DATA on one closed stream after the other is answered until it is a flood', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { limits: { maxResets: 50 } });
  owner.react.request = ({ stream }) => connection.headers(stream, OK_LIST, true);
  peer.send(many(100, (i) => headers(2 * i + 1, GET, { end: true })));
  await peer.sync();
  peer.send(many(100, (i) => data(2 * i + 1, '', { end: true })));
  t.is((await peer.goaway()).debug, 'reset_flood');
});

/** Peers that make us answer and do not read: what we hold for them is bounded, whatever they send. */
const UNREAD: readonly (readonly [what: string, portion: (i: number) => Buffer])[] = [
  ['PING', () => many(100, () => ping('12345678'))],
  ['SETTINGS', () => many(100, () => settings())],
  ['malformed requests', (i) => many(100, (k) => headers(2 * (100 * i + k) + 5, [['Bad', 'x']]))],
  ['PRIORITY frames of a wrong size', () => many(100, () => frame('PRIORITY', 0, 3, Buffer.alloc(4)))],
  [
    'requests that are answered 431',
    (i) => many(100, (k) => headers(2 * (100 * i + k) + 5, [...POST, ['x', 'v'.repeat(2_000)]], { end: true })),
  ],
  [
    'requests that are answered with headers',
    (i) => many(100, (k) => headers(2 * (100 * i + k) + 5, GET, { end: true })),
  ],
  [
    'requests that are answered with a body of ours',
    (i) => many(100, (k) => headers(2 * (100 * i + k) + 5, POST, { end: true })),
  ],
  ['DATA that is consumed at once', () => data(1, Buffer.alloc(600))],
];

for (const [what, portion] of UNREAD) {
  test(`a peer that sends ${what} and reads nothing is cut off, and what waits for it stays bounded`, async (t) => {
    const bound = 20_000;
    const limits: Partial<Limits> = {
      maxBufferedControl: bound,
      maxBufferedHeaders: bound,
      maxOverheadFrames: 1e9,
      maxResets: 1e9,
      maxHeaderListSize: 1_000,
      streamWindow: 1_000,
      connectionWindow: 65_535,
    };
    const { peer, owner, connection } = await againstServer(t, {
      limits,
      highWaterMark: 1_000,
      settings: [[SETTING.INITIAL_WINDOW_SIZE, 1 << 20]],
    });
    owner.react.request = ({ stream, head, end }) => {
      if (!end) return;
      connection.headers(stream, OK_LIST, head.method === 'GET');
      if (head.method === 'POST') connection.data(stream, Buffer.from('not found'), 0, 9, true, null);
    };
    peer.send(windowUpdate(0, 1 << 30), headers(1, POST), headers(3, POST));
    connection.reset((await owner.happened('request', ({ stream }) => stream.id === 3)).stream, ERROR.CANCEL);
    await peer.sync();
    peer.pause();
    let most = 0;
    let portions = 0;
    for (; !connection.failed && portions < 5_000; portions++) {
      peer.send(portion(portions));
      await turn();
      most = Math.max(most, connection.sender.backlog);
    }
    t.true(connection.failed, `${portions} portions and still there`);
    t.true(most < 2 * bound, `${most} octets waited`);
    t.deepEqual(
      owner.tokens.filter((token) => token === 'control_backlog'),
      ['control_backlog'],
    );
    peer.resume();
    t.is((await peer.goaway()).errorCode, ERROR.ENHANCE_YOUR_CALM);
  });
}

test('an app that does not read while instances stream interim answers and headers to it is cut off as well', async (t) => {
  const flusher = new Flusher();
  const [down, up] = [new RelaySide(), new RelaySide()];
  const limits = { maxBufferedHeaders: 20_000, maxOverheadFrames: 1e9 };
  const below = await againstServer<RelaySide>(t, { owner: down, flusher, limits, highWaterMark: 1_000 });
  const above = await againstClient<RelaySide>(t, { owner: up, flusher, limits });
  down.next = above.connection;
  below.peer.send(headers(1, GET, { end: true }));
  await above.peer.next('HEADERS', 1);
  below.peer.pause();
  let most = 0;
  for (let i = 0; i < 1_000 && !below.connection.failed; i++) {
    above.peer.send(
      many(20, () =>
        headers(1, [
          [':status', '103'],
          ['link', 'x'.repeat(100)],
        ]),
      ),
    );
    await above.peer.sync();
    most = Math.max(most, below.connection.sender.backlog);
  }
  t.true(below.connection.failed);
  t.true(most < 40_000, String(most));
  t.deepEqual(down.tokens, ['control_backlog']);
  t.false(above.connection.failed);
});

const BLOCKS: readonly (readonly [string, ProtocolErrorToken, Partial<Limits>, () => Buffer[]])[] = [
  [
    'a header block that never ends',
    'header_block_too_large',
    {},
    () => cutHeaders(1, Buffer.alloc(200_000), [16_384, 32_768, 49_152, 65_536, 81_920, 98_304]),
  ],
  [
    'CONTINUATION frames without end',
    'continuation_flood',
    {},
    () => [
      frame('HEADERS', 0, 1),
      ...Array.from({ length: 1_000 }, () => frame('CONTINUATION', 0, 1, literal('x', 'y'))),
    ],
  ],
  [
    'empty CONTINUATION frames without end',
    'continuation_flood',
    {},
    () => [frame('HEADERS', 0, 1), ...Array.from({ length: 1_000 }, () => frame('CONTINUATION', 0, 1))],
  ],
];

for (const [what, token, limits, send] of BLOCKS) {
  test(`${what}: the connection ends with ENHANCE_YOUR_CALM (CVE-2024-27316 and its like)`, async (t) => {
    const { peer } = await againstServer(t, { limits });
    peer.send(...send().slice(0, 1_000));
    const last = await peer.goaway();
    t.deepEqual([last.errorCode, last.debug], [ERROR.ENHANCE_YOUR_CALM, token]);
  });
}

test('a block of 64 KiB in the frames that it needs is no flood', async (t) => {
  const { peer, owner } = await againstServer(t, { limits: { maxHeaderListSize: 100_000 } });
  const fields = [...GET, ...Array.from({ length: 6 }, (_, i) => [`x-${i}`, 'v'.repeat(10_000)] as const)];
  peer.send(...cutHeaders(1, fields, [16_384, 32_768, 49_152], true));
  t.is((await owner.happened('request')).list.fields.length, 20);
});

test('a small block that decodes to a huge list costs its limit and no more, and is answered 431 (HPACK bomb)', async (t) => {
  const { peer, owner } = await againstServer(t);
  // One entry of 4,000 octets in the table, then 16,000 references to it: 64 MB.
  const block = Buffer.concat([
    ...GET.map(([name, value]) => literal(name, value)),
    indexedLiteral('x', 'v'.repeat(4_000)),
    Buffer.alloc(11_000, 0xbe),
  ]);
  peer.send(headers(1, block, { end: true }));
  t.is((await peer.next('HEADERS', 1)).field(':status'), '431');
  t.deepEqual(owner.tokens, ['header_list_too_large']);
});

test('a connection window that opens octet by octet costs little, however many streams wait for it, and all are served in turn', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 1 << 20]] });
  owner.react.request = ({ stream }) => {
    connection.headers(stream, OK_LIST, false);
    connection.data(stream, Buffer.alloc(100), 0, 100, true, null);
  };
  peer.send(many(3_000, (i) => headers(2 * i + 1, GET, { end: true })));
  await peer.sync();
  t.is(
    peer.of('DATA').reduce((sum, f) => sum + f.payload.length, 0),
    65_535,
  );
  const startedAt = process.cpuUsage();
  for (let i = 0; i < 2_000; i++) peer.send(windowUpdate(0, 1));
  await peer.sync();
  const { user } = process.cpuUsage(startedAt);
  t.true(user < 2_000_000, `${user} us for 2,000 octets of window`);
  peer.send(windowUpdate(0, 1_000_000));
  await peer.sync();
  t.is(peer.of('DATA').filter((f) => f.endStream).length, 3_000);
});
