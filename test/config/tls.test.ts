import test from 'ava';
import { redact } from '../../src/config/redact.ts';
import { configOf, loadText, problemsOf } from './load_text.ts';

const FULL = `
listen:
  - 127.0.0.1:15001
  - { address: "0.0.0.0:15443", tls: { ca: ca.pem, cert: cert.pem, key: /abs/key.pem, min_version: TLSv1.3, alpn: [h2, http/1.1], verify: [a.example] } }
inbound: { listen: 0.0.0.0:15006, tls: { ca: ca.pem, cert: c.pem, key: k.pem }, forward: "127.0.0.1:8089", allow: ["spiffe://t/a"] }
registries: { here: { type: static } }
services:
  book:
    instances: [{ address: "10.0.0.1:1" }]
    tls: { ca: ca.pem, cert: cert.pem, key: key.pem, server_name: book.example, alpn: [h2], min_version: TLSv1.2, verify: [spiffe://t/b] }
  plain: { instances: [{ address: "10.0.0.2:1" }] }
`;

test('every key of TLS arrives where the program looks for it, with files beside the config', (t) => {
  const config = configOf(loadText(FULL));
  t.deepEqual(config.listen, ['127.0.0.1:15001']);
  t.deepEqual(config.secureListen, [
    {
      address: '0.0.0.0:15443',
      tls: { material: 'listen[1].tls', alpn: ['h2', 'http/1.1'], verify: ['a.example'] },
      inbound: null,
    },
  ]);
  t.deepEqual(config.inbound?.listen, {
    address: '0.0.0.0:15006',
    tls: { material: 'inbound.tls', alpn: ['h2'], verify: [] },
    inbound: { service: 'inbound', allow: ['spiffe://t/a'] },
  });
  t.is(config.inbound?.forward, '127.0.0.1:8089');
  t.deepEqual(config.services.get('book')?.settings.tls, {
    material: 'services.book.tls',
    serverName: 'book.example',
    alpn: ['h2'],
    verify: ['spiffe://t/b'],
  });
  t.is(config.services.get('plain')?.settings.tls, null);
  t.deepEqual(config.certificates, [
    {
      id: 'listen[1].tls',
      ca: '/etc/outrigger/ca.pem',
      cert: '/etc/outrigger/cert.pem',
      key: '/abs/key.pem',
      minVersion: 'TLSv1.3',
    },
    {
      id: 'services.book.tls',
      ca: '/etc/outrigger/ca.pem',
      cert: '/etc/outrigger/cert.pem',
      key: '/etc/outrigger/key.pem',
      minVersion: 'TLSv1.2',
    },
    {
      id: 'inbound.tls',
      ca: '/etc/outrigger/ca.pem',
      cert: '/etc/outrigger/c.pem',
      key: '/etc/outrigger/k.pem',
      minVersion: 'TLSv1.2',
    },
  ]);
});

test('the config in force shows where the files lie, and loads again as the same config', (t) => {
  const config = configOf(loadText(FULL));
  const { file: _, ...shown } = redact(config);
  const again = configOf(loadText(JSON.stringify(shown)));
  t.deepEqual(again.certificates, config.certificates);
  t.deepEqual(again.secureListen, config.secureListen);
  t.deepEqual(again.inbound, config.inbound);
  t.deepEqual(again.services.get('book'), config.services.get('book'));
});

const SERVICE = (tls: string) => `
registries: { here: { type: static } }
services: { book: { instances: [{ address: "10.0.0.1:1" }], tls: ${tls} } }
`;
const INBOUND = (rest: string) => `
inbound: { forward: "127.0.0.1:8089", ${rest} }
`;
const PAIR = 'cert: c.pem, key: k.pem';

for (const [what, text, expected] of [
  ['a certificate without its key', SERVICE('{ cert: c.pem }'), ['services.book.tls.key: is missing; cert needs it']],
  ['a key without its certificate', SERVICE('{ key: k.pem }'), ['services.book.tls.cert: is missing; key needs it']],
  [
    'a version of TLS by another name',
    SERVICE('{ min_version: 1.2 }'),
    ['services.book.tls.min_version: expected one of TLSv1.2, TLSv1.3, found the number 1.2'],
  ],
  [
    'a version of TLS that is too old',
    SERVICE('{ min_version: TLSv1.1 }'),
    ['services.book.tls.min_version: expected one of TLSv1.2, TLSv1.3, found "TLSv1.1" -> did you mean'],
  ],
  [
    'an unknown key',
    SERVICE('{ insecure: true }'),
    ['services.book.tls.insecure: unknown key -> known keys: ca, cert, key'],
  ],
  [
    'a listener without a certificate',
    `listen: [{ address: "127.0.0.1:1", tls: {} }]\n${SERVICE('null')}`,
    ['listen[0].tls.cert: is missing', 'listen[0].tls.key: is missing'],
  ],
  [
    'a listener that looks at names of certificates that it does not ask for',
    `listen: [{ address: "127.0.0.1:1", tls: { ${PAIR}, verify: [a] } }]\n${SERVICE('null')}`,
    ['listen[0].tls.verify: needs listen[0].tls.ca'],
  ],
  [
    'two listeners on one address',
    `listen: ["127.0.0.1:1", { address: "127.0.0.1:1", tls: { ${PAIR} } }]\n${SERVICE('null')}`,
    ['listen[1].address: takes the same address as listen[0]'],
  ],
  [
    'an inbound that names callers it cannot know',
    INBOUND(`tls: { ${PAIR} }, allow: [a]`),
    ['inbound.allow: needs inbound.tls.ca'],
  ],
  ['an inbound without TLS', INBOUND('listen: "127.0.0.1:1"'), ['inbound.tls: is missing']],
  [
    'an inbound on the address of another listener',
    INBOUND(`listen: "127.0.0.1:15001", tls: { ${PAIR} }`),
    ['inbound.listen: takes the same address as listen (by default)'],
  ],
  [
    'an inbound that forwards to itself',
    INBOUND(`listen: "127.0.0.1:8089", tls: { ${PAIR} }`),
    ['inbound.forward: is where "inbound" itself listens'],
  ],
  [
    'a service of the name that inbound has',
    `${INBOUND(`tls: { ${PAIR} }`)}\nregistries: { here: { type: static } }\nservices: { inbound: { instances: [{ address: "h:1" }] } }`,
    ['services.inbound: is the name under which "inbound" counts'],
  ],
] as const) {
  test(`a problem names its place and its key: ${what}`, (t) => {
    const found = problemsOf(loadText(text)).map((problem) => problem.replace(/^c\.yaml:\d+:\d+: /, ''));
    t.is(found.length, expected.length, found.join('\n'));
    for (const [at, start] of expected.entries()) t.true(found[at]?.startsWith(start), `${found[at]}\n${start}`);
  });
}

test('a sidecar may have nothing but an inbound listener', (t) => {
  t.is(configOf(loadText(INBOUND(`tls: { ${PAIR} }`))).inbound?.listen.address, '0.0.0.0:15006');
});
