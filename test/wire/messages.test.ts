import test from 'ava';
import { cutHeaders, data, frame, headers, literal } from '../support/wire_frames.ts';
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

test('a request reaches the owner with its fields as they came and what the rules made of them (RFC 9113 section 8.3.1)', async (t) => {
  const { peer, owner } = await againstServer(t);
  const fields = [
    ...POST,
    ['te', 'trailers'],
    ['x', '1'],
    ['x', '2'],
    ['grpc-bin', '\xe4\xff'],
    ['empty', ''],
  ] as const;
  peer.send(headers(1, fields));
  const { list: received, head, end } = await owner.happened('request');
  t.deepEqual(received.fields, fields.flat());
  t.false(end);
  const { method, scheme, path, authority, regularFrom, contentLength } = head;
  t.deepEqual(
    { method, scheme, path, authority, regularFrom, contentLength },
    { method: 'POST', scheme: 'http', path: '/', authority: 'example.test', regularFrom: 8, contentLength: -1 },
  );
});

test('pseudo-headers may come in any order, and host stands in for :authority (RFC 9113 section 8.3.1)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(
    headers(
      1,
      [
        [':path', '/a?b'],
        [':method', 'GET'],
        [':scheme', 'https'],
        ['host', 'h.test'],
      ],
      { end: true },
    ),
  );
  const { head } = await owner.happened('request');
  t.deepEqual([head.path, head.method, head.scheme, head.authority], ['/a?b', 'GET', 'https', 'h.test']);
  peer.send(headers(3, [...GET, ['host', 'example.test'], ['host', 'example.test']], { end: true }));
  await owner.happened('request', ({ stream }) => stream.id === 3);
});

test('OPTIONS may ask for * (RFC 9113 section 8.3.1)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(
    headers(
      1,
      [
        [':method', 'OPTIONS'],
        [':scheme', 'http'],
        [':path', '*'],
        [':authority', 'a'],
      ],
      { end: true },
    ),
  );
  t.is((await owner.happened('request')).head.path, '*');
});

test('the content must have the length that content-length says, over any number of frames and paddings (RFC 9113 section 8.1.1)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(headers(1, [...POST, ['content-length', '6'], ['content-length', '6']]));
  peer.send(
    data(1, '12', { padding: 9 }),
    data(1, ''),
    data(1, '345', { padding: 0 }),
    data(1, '6', { end: true, padding: 200 }),
  );
  const { stream } = await owner.happened('data', ({ end }) => end);
  t.is(owner.body(stream).toString(), '123456');
  peer.send(headers(3, [...POST, ['content-length', '2']]), data(3, '12'), headers(3, [], { end: true }));
  await owner.happened('trailers');
  peer.send(headers(5, [...POST, ['content-length', '0']], { end: true }));
  await owner.happened('request', (event) => event.stream.id === 5);
  t.deepEqual(owner.tokens, []);
});

test('an answer’s content of the length that content-length says is whole, with and without trailers (RFC 9113 section 8.1.1)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  for (let i = 0; i < 3; i++) connection.open(GET_LIST, true, false, null);
  const six = [...OK, ['content-length', '6']] as const;
  peer.send(headers(1, six), data(1, '123'), data(1, '456', { end: true, padding: 3 }));
  peer.send(headers(3, six), data(3, '123456'), headers(3, [['x', 'y']], { end: true }));
  peer.send(headers(5, [...OK, ['content-length', '0']]), data(5, '', { end: true }));
  await owner.happened('streamClosed', ({ stream }) => stream.id === 5);
  t.deepEqual(owner.names.slice(-2), ['data', 'streamClosed']);
  t.deepEqual([owner.of('reset'), owner.tokens], [[], []]);
});

test('trailers end a request, after DATA or right after the headers (RFC 9113 section 8.1)', async (t) => {
  const { peer, owner } = await againstServer(t);
  peer.send(headers(1, POST), data(1, 'x'), headers(1, [['x-sum', '7']], { end: true }));
  const { list: received, stream } = await owner.happened('trailers');
  t.deepEqual(received.fields, ['x-sum', '7']);
  t.false(stream.readable);
  peer.send(headers(3, POST), headers(3, [], { end: true }));
  t.deepEqual((await owner.happened('trailers', (event) => event.stream.id === 3)).list.fields, []);
});

test('an answer reaches the owner with its status, and its trailers after its DATA (RFC 9113 section 8.3.2)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  connection.open(GET_LIST, true, false, 'mine');
  peer.send(
    headers(1, [
      [':status', '404'],
      ['x', 'y'],
    ]),
    data(1, 'none'),
    headers(1, [['grpc-status', '5']], { end: true }),
  );
  await owner.happened('streamClosed');
  t.deepEqual(owner.names.slice(1), ['response', 'data', 'trailers', 'streamClosed']);
  const [response] = owner.of('response');
  t.is(response?.head.status, 404);
  t.is(response?.stream.owner, 'mine');
  t.deepEqual(owner.of('trailers')[0]?.list.fields, ['grpc-status', '5']);
});

test('an answer may consist of one header block (gRPC: trailers-only)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  connection.open(GET_LIST, true, false, null);
  peer.send(headers(1, [...OK, ['grpc-status', '12']], { end: true }));
  t.true((await owner.happened('response')).end);
  t.deepEqual(owner.names.slice(1), ['response', 'streamClosed']);
});

test('any number of interim answers may come before the final one (RFC 9113 section 8.1)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  connection.open(POST_LIST, false, false, null);
  peer.send(
    headers(1, [[':status', '100']]),
    headers(1, [
      [':status', '103'],
      ['link', '</a>'],
    ]),
    headers(1, OK, { end: true }),
  );
  await owner.happened('response');
  t.deepEqual(
    owner.of('informational').map((event) => event.list.get(':status')),
    ['100', '103'],
  );
});

test('interim answers, the final one and trailers can be sent by a server', async (t) => {
  const { peer, owner, connection } = await againstServer(t);
  peer.send(headers(1, GET, { end: true }));
  const { stream } = await owner.happened('request');
  connection.headers(stream, list(':status', '103'), false);
  connection.headers(stream, OK_LIST, false);
  connection.data(stream, Buffer.from('x'), 0, 1, false, null);
  connection.trailers(stream, list('grpc-status', '0'));
  await peer.next('HEADERS', (f) => f.endStream);
  t.deepEqual(
    peer.received.filter((f) => f.streamId === 1).map((f) => [f.type, f.fields?.[0]?.join('='), f.endStream]),
    [
      ['HEADERS', ':status=103', false],
      ['HEADERS', ':status=200', false],
      ['DATA', undefined, false],
      ['HEADERS', 'grpc-status=0', true],
    ],
  );
});

for (const [what, status, head] of [
  ['to HEAD', '200', true],
  ['204', '204', false],
  ['304', '304', false],
] as const) {
  test(`an answer ${what} may have a content-length and no content (RFC 9113 section 8.1.1)`, async (t) => {
    const { peer, owner, connection } = await againstClient(t);
    connection.open(GET_LIST, true, head, null);
    peer.send(
      headers(
        1,
        [
          [':status', status],
          ['content-length', '1234'],
        ],
        { end: true },
      ),
    );
    t.is((await owner.happened('response')).head.contentLength, 1234);
    t.deepEqual(owner.tokens, []);
  });
}

test('a malformed answer resets its stream only; the owner hears a reset, and never the answer (RFC 9113 section 8.1.1)', async (t) => {
  const { peer, owner, connection } = await againstClient(t);
  connection.open(GET_LIST, true, false, null);
  connection.open(GET_LIST, true, false, null);
  peer.send(
    headers(1, [
      [':status', '200'],
      ['connection', 'close'],
    ]),
    data(1, 'late'),
    headers(3, OK, { end: true }),
  );
  const { code, byPeer, stream } = await owner.happened('reset');
  t.deepEqual([code, byPeer, stream.id], [1, false, 1]);
  await owner.happened('response');
  t.deepEqual(
    owner.of('response').map((event) => event.stream.id),
    [3],
  );
  t.deepEqual(owner.of('data'), []);
});

test('a header list beyond our limit is answered 431, without or with a body on its way (RFC 6585 section 5)', async (t) => {
  const { peer, owner, connection } = await againstServer(t, { limits: { maxHeaderListSize: 500 } });
  const large = [...POST, ['x', 'v'.repeat(500)]] as const;
  peer.send(headers(1, large), data(1, 'body'), headers(3, large, { end: true }), headers(5, GET, { end: true }));
  for (const id of [1, 3]) {
    const answer = await peer.next('HEADERS', id);
    t.is(answer.field(':status'), '431');
    t.true(answer.endStream);
  }
  await owner.happened('request');
  t.deepEqual(
    owner.of('request').map((event) => event.stream.id),
    [5],
  );
  t.deepEqual(
    peer.of('RST_STREAM').map((f) => [f.streamId, f.errorCode]),
    [[1, 0]],
  );
  t.is(connection.streams.size, 1);
});

test('header lists up to the limit are taken whole', async (t) => {
  const { peer, owner } = await againstServer(t, { limits: { maxHeaderListSize: 1_000 } });
  const size = GET.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  peer.send(headers(1, [...GET, ['x', 'v'.repeat(1_000 - size - 33)]], { end: true }));
  await owner.happened('request');
  peer.send(headers(3, [...GET, ['x', 'v'.repeat(1_000 - size - 32)]], { end: true }));
  t.is((await peer.next('HEADERS', 3)).field(':status'), '431');
});

test('padded HEADERS, with and without priority, and over several frames, mean the same (RFC 9113 section 6.2)', async (t) => {
  const { peer, owner } = await againstServer(t);
  const block = Buffer.concat(GET.map(([name, value]) => literal(name, value)));
  const priority = Buffer.from([0x80, 0, 0, 0, 200]);
  peer.send(frame('HEADERS', 0xd, 1, Buffer.concat([Buffer.from([7]), block, Buffer.alloc(7)])));
  peer.send(frame('HEADERS', 0x25, 3, Buffer.concat([priority, block])));
  peer.send(frame('HEADERS', 0x2d, 5, Buffer.concat([Buffer.from([3]), priority, block, Buffer.alloc(3)])));
  peer.send(
    frame('HEADERS', 0x29, 7, Buffer.concat([Buffer.from([2]), priority, block.subarray(0, 11), Buffer.alloc(2)])),
  );
  peer.send(frame('CONTINUATION', 0, 7), frame('CONTINUATION', 4, 7, block.subarray(11)));
  peer.send(...cutHeaders(9, GET, [0, 1, 2, block.length], true));
  await owner.happened('request', ({ stream }) => stream.id === 9);
  t.deepEqual(
    owner.of('request').map(({ stream, list: received, end }) => [stream.id, received.fields.join(), end]),
    [1, 3, 5, 7, 9].map((id) => [id, GET.flat().join(), true]),
  );
});
