import { connect } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { LONGEST_SOCKET_PATH, parseAddress, type Target } from '../../src/model/instance.ts';

const GOOD: readonly [address: string, target: Target][] = [
  ['127.0.0.1:50051', { host: '127.0.0.1', port: 50_051 }],
  ['book:1', { host: 'book', port: 1 }],
  ['book-2.prod.svc.cluster.local.:65535', { host: 'book-2.prod.svc.cluster.local.', port: 65_535 }],
  ['compose_book_1:80', { host: 'compose_book_1', port: 80 }],
  ['_grpc._tcp.book:80', { host: '_grpc._tcp.book', port: 80 }],
  ['123456789012:80', { host: '123456789012', port: 80 }], // a container's id can look like that
  [`${'a'.repeat(63)}.${'b'.repeat(63)}:80`, { host: `${'a'.repeat(63)}.${'b'.repeat(63)}`, port: 80 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['[2001:db8::1]:80', { host: '2001:db8::1', port: 80 }],
  ['[::ffff:10.0.0.1]:80', { host: '::ffff:10.0.0.1', port: 80 }],
  ['[fe80::1%eth0.100]:80', { host: 'fe80::1%eth0.100', port: 80 }],
  ['unix:/run/book.sock', { path: '/run/book.sock' }],
  ['unix:/run/a b/ü.sock', { path: '/run/a b/ü.sock' }],
  [`unix:/${'x'.repeat(LONGEST_SOCKET_PATH - 1)}`, { path: `/${'x'.repeat(LONGEST_SOCKET_PATH - 1)}` }],
];

for (const [address, target] of GOOD) {
  test(`${address} is an address`, (t) => {
    t.deepEqual(parseAddress(address), target);
  });
}

const BAD: readonly string[] = [
  '',
  ':80',
  'book',
  'book:',
  'book:0',
  'book:080',
  'book:65536',
  'book:99999',
  'book:8e1',
  'book:80 ',
  'book:-80',
  'a\0b:80',
  'a\u0001b:80',
  'a\nb:80',
  'a\u007fb:80',
  'a b:80',
  'bücher:80',
  'a/b:80',
  'a@b:80',
  'a%b:80',
  '-a:80',
  'a-:80',
  '.:80',
  'a..b:80',
  `${'a'.repeat(64)}:80`,
  `${'a.'.repeat(126)}ab:80`,
  '300.0.0.1:80',
  '010.0.0.1:80',
  '::1:80',
  '[]:80',
  '[::1]',
  '[::1]80',
  '[::1::2]:80',
  '[:::]:80',
  '[12345::1]:80',
  '[127.0.0.1]:80',
  '[book]:80',
  '[fe80::1%]:80',
  '[fe80::1%a\0b]:80',
  '[fe80::1%a b]:80',
  `[fe80::1%${'x'.repeat(16)}]:80`,
  'unix:',
  'unix:/run/\0x',
  'unix:/run/x\n',
  'unix:\0abstract',
  `unix:/${'x'.repeat(LONGEST_SOCKET_PATH)}`,
  `unix:/${'ü'.repeat(LONGEST_SOCKET_PATH / 2)}x`,
];

for (const address of BAD) {
  test(`${JSON.stringify(address)} is none`, (t) => {
    t.is(parseAddress(address), null);
  });
}

test('whatever passes has no control character, a port in range, and a length that the system takes', (t) => {
  const anything = fc.string({ unit: 'binary', maxLength: 40 });
  const text = fc.oneof(
    anything,
    fc.tuple(anything, fc.nat(70_000)).map(([host, port]) => `${host}:${port}`),
    fc.tuple(fc.stringMatching(/^[ -~]{0,20}$/), fc.nat(70_000)).map(([host, port]) => `${host}:${port}`),
    fc.tuple(fc.ipV6(), anything, fc.nat(70_000)).map(([host, zone, port]) => `[${host}%${zone}]:${port}`),
    anything.map((path) => `unix:/${path}`),
  );
  fc.assert(
    fc.property(text, (address) => {
      const target = parseAddress(address);
      if (target === null) return true;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
      const clean = !/[\x00-\x1f\x7f]/.test(address);
      if ('path' in target) return clean && Buffer.byteLength(target.path) <= LONGEST_SOCKET_PATH;
      return clean && target.host.length <= 253 && target.port >= 1 && target.port <= 65_535;
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('net.connect throws at once for a NUL in the host, which is why such an address must not get there', (t) => {
  t.throws(() => connect({ host: 'a\0b', port: 80 }), { code: 'ERR_INVALID_ARG_VALUE' });
});
