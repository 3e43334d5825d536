import test from 'ava';
import fc from 'fast-check';
import {
  endToEnd,
  head,
  listItems,
  requestHeaders,
  responseHeaders,
  sayable,
  trailerFields,
  valuesOf,
} from '../../../src/dataplane/http1/fields.ts';
import { BadRequest, type Http1Head, hasBody, toHttp2 } from '../../../src/dataplane/http1/request_head.ts';
import { sniff } from '../../../src/dataplane/listener/sniff.ts';
import { PREFACE } from '../../../src/http2/frame/codes.ts';
import { messageHead } from '../../../src/http2/header_rules.ts';
import type { HeaderList } from '../../../src/http2/hpack/header_list.ts';

const HOP_BY_HOP = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];
const token = fc.string({
  unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.!~'),
  minLength: 1,
  maxLength: 12,
});
/** What node's parser lets through: no control characters, no white space at the ends. */
const value = fc.string({ unit: fc.constantFrom(...' \t,;=:"/\\abcABC019-\u00e4\u00ff') }).map((text) => text.trim());
const name = fc.oneof(
  { weight: 4, arbitrary: token },
  {
    weight: 1,
    arbitrary: fc.constantFrom('Cookie', 'Set-Cookie', 'TE', 'Keep-Alive', 'Upgrade', 'Accept', 'X-Version'),
  },
);
const fields = fc.array(fc.tuple(name, value), { maxLength: 12 }).map((pairs) => pairs.flat());

const request = (rawHeaders: readonly string[], more: Partial<Http1Head> = {}): Http1Head => ({
  method: 'GET',
  url: '/',
  httpVersion: '1.1',
  rawHeaders: ['Host', 'book', ...rawHeaders],
  ...more,
});

test('whatever a request says, what goes on is a valid request of HTTP/2 or a refusal with a token', (t) => {
  fc.assert(
    fc.property(
      fields,
      fc.constantFrom('GET', 'POST', 'OPTIONS', 'M-SEARCH'),
      fc.constantFrom('/', '/a?b', '*', 'http://x:80', 'https://y/z?', 'ftp://z', ''),
      fc.boolean(),
      (raw, method, url, tunnel) => {
        const list = toHttp2(request(raw, { method, url }), false, tunnel);
        if (list instanceof BadRequest) return list.status >= 400 && list.token !== undefined && list.text !== '';
        return (
          messageHead(list, 'request').error === null &&
          list.fields.every((field, at) => at % 2 === 1 || !HOP_BY_HOP.includes(field) || field === 'te')
        );
      },
    ),
  );
  t.pass();
});

test('a request that goes there and back is the same, but for what concerns its connection', (t) => {
  fc.assert(
    fc.property(fields, (raw) => {
      const list = toHttp2(request(raw), false, false);
      if (list instanceof BadRequest) return;
      const back = requestHeaders(list.fields, 'book', 'none');
      const options = listItems(valuesOf(raw, 'connection'));
      const kept = raw.flatMap((field, at) => {
        const lower = field.toLowerCase();
        const hidden =
          at % 2 === 1 ||
          HOP_BY_HOP.includes(lower) ||
          options.includes(lower) ||
          lower === 'cookie' ||
          lower === 'host';
        return hidden ? [] : [lower, raw[at + 1] as string];
      });
      const came = back.flatMap((field, at) =>
        at % 2 === 1 || ['host', 'connection', 'cookie', 'te'].includes(field) ? [] : [field, back[at + 1] as string],
      );
      if (JSON.stringify(came) !== JSON.stringify(kept))
        throw new Error(`${JSON.stringify(came)} is not ${JSON.stringify(kept)}`);
      const cookies = valuesOf(raw, 'cookie');
      const expected = cookies.length === 0 || options.includes('cookie') ? [] : [cookies.join('; ')];
      if (JSON.stringify(valuesOf(back, 'cookie')) !== JSON.stringify(expected))
        throw new Error('the cookies are others');
    }),
  );
  t.pass();
});

test('no value can end its line', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(token, fc.string()), { maxLength: 5 }), (pairs) => {
      const flat = pairs.flat();
      if (!sayable(flat)) return true;
      return (
        head(200, flat)
          .toString('latin1')
          .split(/[\r\n]+/).length ===
        pairs.length + 2
      );
    }),
  );
  t.false(sayable(['x', 'a\r\nb: c']));
  t.false(sayable(['x', 'a\0']));
  t.true(sayable(['x', 'a\tb \u00ff']));
});

test('names that Connection lists go no further, in whatever case and place', (t) => {
  const raw = ['X-A', '1', 'CONNECTION', 'close, x-A', 'x-b', '2', 'Connection', 'X-C', 'x-c', '3', 'X-D', '4'];
  t.deepEqual(endToEnd(raw), ['x-b', '2', 'x-d', '4']);
});

test('TE goes on only to say that trailers are read (RFC 9113 section 8.2.2)', (t) => {
  const te = (text: string) => (toHttp2(request(['TE', text]), false, false) as HeaderList).get('te');
  t.is(te('trailers, deflate;q=0.5'), 'trailers');
  t.is(te('deflate, Trailers;q=1'), 'trailers');
  t.is(te('deflate'), null);
  const back = requestHeaders(['te', 'trailers'], 'book', 'none');
  t.deepEqual(valuesOf(back, 'connection'), ['keep-alive, te']);
});

test('how long a body is, is said in one way', (t) => {
  t.deepEqual(requestHeaders([], 'book', 'some'), [
    'host',
    'book',
    'transfer-encoding',
    'chunked',
    'connection',
    'keep-alive',
  ]);
  t.deepEqual(requestHeaders([], 'book', 'empty'), ['host', 'book', 'content-length', '0', 'connection', 'keep-alive']);
  t.deepEqual(requestHeaders(['content-length', '5'], 'book', 'some'), [
    'host',
    'book',
    'content-length',
    '5',
    'connection',
    'keep-alive',
  ]);
  t.true(hasBody(['Transfer-Encoding', 'chunked']));
  t.true(hasBody(['content-length', '1']));
  t.false(hasBody(['content-length', '0']));
});

test('an answer without a body does not promise one (RFC 9110 section 8.6)', (t) => {
  const length = ['content-length', '5'];
  t.deepEqual(responseHeaders(length, 204, true, false), []);
  t.deepEqual(responseHeaders(length, 103, false, false), []);
  t.deepEqual(responseHeaders(length, 304, true, false), length);
  t.deepEqual(responseHeaders([], 304, true, false), []);
  t.deepEqual(responseHeaders([], 200, true, true), []);
  t.deepEqual(responseHeaders([], 200, true, false), ['content-length', '0']);
  t.deepEqual(responseHeaders([], 200, false, false), []);
});

test('trailers keep what is neither framing nor routing', (t) => {
  t.deepEqual(trailerFields(['X-Sum', '1', 'Content-Length', '5', 'Host', 'x', 'Transfer-Encoding', 'chunked']), [
    'x-sum',
    '1',
  ]);
  t.is(trailerFields(['Host', 'x']), null);
});

test('the host of an absolute target wins, and its path is what follows', (t) => {
  const target = (url: string, method = 'GET') => {
    const list = toHttp2(request([], { url, method }), false, false);
    if (list instanceof BadRequest) return list.token;
    const { scheme, authority, path } = messageHead(list, 'request');
    return `${scheme} ${authority} ${path}`;
  };
  t.is(target('/a?b'), 'http book /a?b');
  t.is(target('http://other:81/a'), 'http other:81 /a');
  t.is(target('HTTPS://other'), 'https other /');
  t.is(target('http://other?q'), 'http other /?q');
  t.is(target('http://other', 'OPTIONS'), 'http other *');
  t.is(target('*', 'OPTIONS'), 'http book *');
  t.is(target('*'), 'http1_target_bad');
  t.is(target('http:///a'), 'http1_target_bad');
  t.is(target('http://a@b/'), 'http1_host_bad');
  t.is(target('ftp://other/'), 'http1_target_bad');
});

test('the length of a request is one number, or none beside chunks', (t) => {
  const verdict = (raw: readonly string[], httpVersion = '1.1') => {
    const list = toHttp2(request(raw, { httpVersion }), false, false);
    return list instanceof BadRequest ? list.token : null;
  };
  t.is(verdict(['content-length', '5']), null);
  t.is(verdict(['transfer-encoding', 'Chunked']), null);
  t.is(verdict(['content-length', '5', 'Content-Length', '5']), 'http1_content_length_bad');
  t.is(verdict(['content-length', '5,5']), 'http1_content_length_bad');
  t.is(verdict(['content-length', '5', 'transfer-encoding', 'chunked']), 'http1_content_length_bad');
  t.is(verdict(['transfer-encoding', 'chunked'], '1.0'), 'http1_transfer_encoding_bad');
  t.is(verdict(['transfer-encoding', 'chunked', 'Transfer-Encoding', 'chunked']), 'http1_transfer_encoding_bad');
  t.is(verdict(['transfer-encoding', 'gzip, chunked']), 'http1_transfer_encoding_bad');
});

test('the first octets tell the protocol, and no sooner than they can', (t) => {
  const told = (text: string) => sniff(Buffer.from(text, 'latin1'));
  for (const text of ['P', 'PR', 'G', 'GET', 'GET ', 'GET h', 'GET http:/', 'PROPFIND', 'PUT ', 'CONNECT '])
    t.is(told(text), null, text);
  for (const text of [
    'GET /',
    'OPTIONS *',
    'PUT /x',
    'PRO /',
    'GET http://x',
    'GET https://',
    'CONNECT a:1',
    'M-SEARCH *',
    'POST /a HTTP/1.1\r\n',
  ]) {
    t.is(told(text), 'http/1.1', text);
  }
  for (let length = 3; length <= PREFACE.length; length++) t.is(sniff(PREFACE.subarray(0, length)), 'h2');
  for (const text of [
    '\x16\x03\x01',
    'get /',
    'GETT\r\n',
    'GET ftp',
    'INVALID CONNECTION PREFACE',
    '\0',
    'X'.repeat(30),
  ])
    t.is(told(text), 'unknown', text);
});

test('the first octets tell the same however they come', (t) => {
  const starts = fc.constantFrom(
    'GET / HTTP/1.1\r\n',
    'POST http://a/ HTTP/1.1',
    'PROPFIND /',
    PREFACE.toString('latin1'),
    '\x16\x03\x01\x02',
    'nonsense',
  );
  fc.assert(
    fc.property(fc.oneof(starts, fc.string({ unit: fc.constantFrom(...'PRIGETOS /*h\r\n') })), (text) => {
      const octets = Buffer.from(text, 'latin1');
      const whole = sniff(octets);
      for (let length = 1; length < octets.length; length++) {
        const early = sniff(octets.subarray(0, length));
        if (early !== null) return early === whole;
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass();
});
