import test from 'ava';
import type { ProtocolErrorToken } from '../../../src/http2/protocol_errors.ts';
import { eventually } from '../../support/eventually.ts';
import { ask, RawClient } from '../../support/http1_client.ts';
import { startHttp1Instance } from '../../support/http1_instance.ts';
import { askHttp2, http2Client } from '../../support/http2_client.ts';
import { startPlane } from '../../support/plane.ts';
import { startInstance } from '../../support/plane_instance.ts';

const HTTP1 = { protocol: 'http/1.1' } as const;
const HOST = 'host: one\r\n';
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nhost: one\r\n\r\n';

/** Requests that not every server reads alike, or at all: what is answered, and as what it is counted. */
const BAD: readonly (readonly [string, number, ProtocolErrorToken, string])[] = [
  [
    'both lengths',
    400,
    'http1_transfer_encoding_bad',
    `POST / HTTP/1.1\r\n${HOST}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nG`,
  ],
  [
    'both lengths, the other way round',
    400,
    'http1_content_length_bad',
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\nG`,
  ],
  [
    'two lengths',
    400,
    'http1_content_length_bad',
    `POST / HTTP/1.1\r\n${HOST}content-length: 0\r\ncontent-length: ${SMUGGLED.length}\r\n\r\n`,
  ],
  [
    'two lengths alike',
    400,
    'http1_content_length_bad',
    `POST / HTTP/1.1\r\n${HOST}content-length: 0\r\ncontent-length: 0\r\n\r\n`,
  ],
  ['a list of lengths', 400, 'http1_content_length_bad', `POST / HTTP/1.1\r\n${HOST}content-length: 0, 0\r\n\r\n`],
  ['a negative length', 400, 'http1_content_length_bad', `POST / HTTP/1.1\r\n${HOST}content-length: -1\r\n\r\n`],
  ['a hexadecimal length', 400, 'http1_content_length_bad', `POST / HTTP/1.1\r\n${HOST}content-length: 0x0\r\n\r\n`],
  ['a length with a sign', 400, 'http1_content_length_bad', `POST / HTTP/1.1\r\n${HOST}content-length: +0\r\n\r\n`],
  ['an empty length', 400, 'http1_content_length_bad', `POST / HTTP/1.1\r\n${HOST}content-length: \r\n\r\n`],
  [
    'a length beyond numbers',
    400,
    'http1_content_length_bad',
    `POST / HTTP/1.1\r\n${HOST}content-length: 99999999999999999999\r\n\r\n`,
  ],
  [
    'chunked and not last',
    400,
    'http1_transfer_encoding_bad',
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  ],
  [
    'an unknown coding',
    501,
    'http1_transfer_encoding_bad',
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'a coding of the body',
    501,
    'http1_transfer_encoding_bad',
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'chunked twice',
    400,
    'http1_transfer_encoding_bad',
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'chunked in HTTP/1.0',
    400,
    'http1_transfer_encoding_bad',
    `POST / HTTP/1.0\r\n${HOST}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['a space before the colon', 400, 'http1_header_bad', `POST / HTTP/1.1\r\n${HOST}content-length : 5\r\n\r\nhello`],
  ['a folded line', 400, 'http1_header_bad', `GET / HTTP/1.1\r\n${HOST}x: a\r\n b\r\n\r\n`],
  ['a folded first line', 400, 'http1_header_bad', `GET / HTTP/1.1\r\n ${HOST}\r\n`],
  ['a NUL in a value', 400, 'http1_header_bad', `GET / HTTP/1.1\r\n${HOST}x: a\0b\r\n\r\n`],
  ['a control character in a value', 400, 'http1_header_bad', `GET / HTTP/1.1\r\n${HOST}x: a\x01b\r\n\r\n`],
  ['a NUL in a name', 400, 'http1_header_bad', `GET / HTTP/1.1\r\n${HOST}x\0: a\r\n\r\n`],
  ['a bare CR in a value', 400, 'http1_line_end_bad', `GET / HTTP/1.1\r\n${HOST}x: a\rb: c\r\n\r\n`],
  ['a bare LF behind a value', 400, 'http1_line_end_bad', `GET / HTTP/1.1\r\n${HOST}x: a\ny: b\r\n\r\n`],
  ['a bare LF at the end of the headers', 400, 'http1_header_bad', `GET / HTTP/1.1\r\n${HOST}\n${SMUGGLED}`],
  ['a line without a colon', 400, 'http1_header_bad', `GET / HTTP/1.1\r\n${HOST}what\r\n\r\n`],
  ['no name', 400, 'http1_header_bad', `GET / HTTP/1.1\r\n${HOST}: a\r\n\r\n`],
  ['no host', 400, 'http1_host_bad', 'GET / HTTP/1.1\r\n\r\n'],
  ['two hosts', 400, 'http1_host_bad', `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  ['a host that is none', 400, 'http1_host_bad', 'GET / HTTP/1.1\r\nhost: a/b\r\n\r\n'],
  ['a user in the host', 400, 'http1_host_bad', 'GET / HTTP/1.1\r\nhost: user@one\r\n\r\n'],
  ['a user in an absolute target', 400, 'http1_host_bad', `GET http://user@one/ HTTP/1.1\r\n${HOST}\r\n`],
  ['a target of another scheme', 400, 'http1_target_bad', `GET http:///x HTTP/1.1\r\n${HOST}\r\n`],
  ['an asterisk that is not for OPTIONS', 400, 'http1_target_bad', `GET * HTTP/1.1\r\n${HOST}\r\n`],
  ['a control character in the target', 400, 'http1_target_bad', `GET /a\x01b HTTP/1.1\r\n${HOST}\r\n`],
  ['a method that is none', 400, 'http1_method_bad', `FROB / HTTP/1.1\r\n${HOST}\r\n`],
  ['a version that is none', 400, 'http1_version_bad', `GET / HTTP/9.9\r\n${HOST}\r\n`],
  ['another protocol', 400, 'http1_version_bad', `GET / ICE/1.0\r\n${HOST}\r\n`],
  [
    'a chunk that is none',
    400,
    'http1_chunk_bad',
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\nxyz\r\n\r\n`,
  ],
  [
    'a chunk longer than it says',
    400,
    'http1_chunk_bad',
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`,
  ],
  [
    'a chunk size that overflows',
    400,
    'http1_chunk_bad',
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n`,
  ],
  ['too large a header', 431, 'http1_headers_too_large', `GET / HTTP/1.1\r\n${HOST}x: ${'y'.repeat(70_000)}\r\n\r\n`],
  ['too many headers', 431, 'http1_headers_too_large', `GET / HTTP/1.1\r\n${HOST}${'x: y\r\n'.repeat(1_001)}\r\n`],
  ['CONNECT', 501, 'http1_connect_refused', `CONNECT one:80 HTTP/1.1\r\n${HOST}\r\n`],
];

for (const [name, status, token, text] of BAD) {
  test(`refused, counted and sent nowhere: ${name}`, async (t) => {
    const plane = await startPlane(t, { defaultService: 'one' });
    const instance = await startHttp1Instance(t, (_req, res) => res.end('x'));
    await plane.serve('one', [instance], HTTP1);
    // What follows would be the smuggled request, were the one before it read in another way.
    const answer = await new RawClient(t, plane.address).send(text + SMUGGLED).end();
    t.regex(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    t.regex(answer, /connection: close\r\n/i);
    t.is(answer.split('HTTP/1.1 ').length, 2);
    t.is(plane.protocolErrors('downstream', token), 1);
    t.false(instance.requests.some(({ url }) => url === '/smuggled'));
    // A request whose head was fine may have reached the instance before its body turned out not to be.
    if (!/chunk/.test(name)) t.is(instance.requests.length, 0);
    await eventually(() => instance.requests.every((req) => req.complete || req.destroyed));
  });
}

test('a request before one that is none is answered', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (req, res) => void setTimeout(() => res.end(`for ${req.url}`), 50));
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send(`GET /good HTTP/1.1\r\n${HOST}\r\nGET /bad HTTP/1.1\r\n${HOST}content-length: x\r\n\r\n`);
  const answer = await client.end();
  t.regex(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*for \/good/);
  t.is(plane.protocolErrors('downstream', 'http1_content_length_bad'), 1);
});

test('a head that does not come to an end is ended, and one that drips as well', async (t) => {
  const plane = await startPlane(t, {
    clients: { connections: 100, headerTimeout: 1_000, idleTimeout: null, stallTimeout: null },
  });
  for (const text of ['GET / HTTP/1.1\r\nhost: one\r\n', 'GE']) {
    const client = new RawClient(t, plane.address).send(text);
    const drip = setInterval(() => client.send('x'), 50);
    t.teardown(() => clearInterval(drip));
    const answer = await client.end();
    clearInterval(drip);
    if (text.length > 2) t.regex(answer, /^HTTP\/1\.1 408 Request Timeout\r\n/);
  }
  t.is(plane.protocolErrors('downstream', 'http1_header_timeout'), 1);
});

test('what HTTP/2 may say and HTTP/1.1 may not is refused on the way', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  await plane.serve('one', [instance], HTTP1);
  const session = http2Client(t, plane.address);
  // Node's client lets this through; CR, LF and NUL are the engine's to refuse.
  const reply = await askHttp2(session, 'one', { 'x-a': 'b\x7fc' });
  t.is(reply.status, 400);
  t.is(instance.requests.length, 0);
  const two = await startInstance(t, {
    ended: (received) => received.headers([':status', '200', 'x-a', 'b\x01c'], true),
  });
  await plane.serve('two', [two]);
  t.is((await ask(plane.address, 'two')).status, 502);
});

test('trailers cannot say what a message is, nor where it goes', async (t) => {
  const plane = await startPlane(t);
  const trailers: (string | undefined)[] = [];
  const instance = await startHttp1Instance(t, (req, res) => {
    req.resume().on('end', () => {
      trailers.push(...req.rawTrailers);
      res.end();
    });
  });
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send(
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\nhost: two\r\nupgrade: h2c\r\nx-sum: 1\r\n\r\n`,
  );
  t.regex(await client.end(), /^HTTP\/1\.1 200 /);
  t.deepEqual(trailers, ['x-sum', '1']);
});
