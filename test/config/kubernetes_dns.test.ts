import test from 'ava';
import { redact } from '../../src/config/redact.ts';
import { configOf, loadText, problemsOf } from './load_text.ts';

const kubernetes = (keys: string, service = '{}'): string =>
  `registries:\n  k: { type: kubernetes${keys} }\nservices:\n  book: ${service}\n`;
const dns = (keys: string, service = '{ path: "book.internal:1" }'): string =>
  `registries:\n  d: { type: dns${keys} }\nservices:\n  book: ${service}\n`;

test('in a pod a kubernetes registry needs no key, and a service is looked up by its name', (t) => {
  const config = configOf(loadText(`${kubernetes('')}discover: {}\n`));
  const registry = config.registries.get('k');
  t.like(registry, { type: 'kubernetes', address: undefined, tokenFile: undefined, versionLabel: 'version' });
  t.is(config.services.get('book')?.path, 'book');
  t.is(config.discover?.path, '{service}');
});

test('files of a kubernetes registry are beside the config, and the config in force shows where', (t) => {
  const keys = ', address: "https://10.0.0.1:6443/", token_file: token, tls: { ca: ca.pem }, namespace: shop';
  const config = configOf(loadText(kubernetes(keys)));
  t.deepEqual(redact(config).registries, {
    k: {
      type: 'kubernetes',
      address: 'https://10.0.0.1:6443',
      token_file: '/etc/outrigger/token',
      tls: { ca: '/etc/outrigger/ca.pem', cert: undefined, key: undefined },
      namespace: 'shop',
      version_label: 'version',
      empty_protection: 'off',
    },
  });
});

test('a dns registry has defaults for everything but the path', (t) => {
  const config = configOf(loadText(dns('')));
  t.deepEqual(redact(config).registries, {
    d: {
      type: 'dns',
      servers: undefined,
      family: 'auto',
      min_ttl: '1s',
      max_ttl: '30s',
      timeout: '1s',
      empty_protection: 'off',
    },
  });
});

const WRONG: readonly (readonly [text: string, ...problems: RegExp[]])[] = [
  [kubernetes(', address: "http://h:1", token_file: x'), /k\.token_file: would be sent in clear text -> write https/],
  [kubernetes(', address: "http://h:1", tls: { ca: x }'), /k\.tls: does not go with http/],
  [kubernetes(', address: "https://u:p@h:1"'), /k\.address: names a user/],
  [kubernetes(', tls: { cert: x }'), /k\.tls\.key: is missing; cert needs it/],
  [kubernetes(', namespace: My_Shop'), /k\.namespace: expected the name of a namespace/],
  [kubernetes(', version_label: "a b"'), /k\.version_label: expected the key of a label/],
  [
    kubernetes('', '{ path: /services/book/ }'),
    /book\.path: expected service, namespace\/service or .*found "\/services/,
  ],
  [
    dns('', '{}'),
    /book\.path: is missing; the registry "d" is of type dns -> for example "path: "book\.internal:50051""/,
  ],
  [dns('', '{ path: book }'), /book\.path: expected host:port, or _service\._proto\.name/],
  [
    dns(', servers: [ns.internal]'),
    /d\.servers\[0\]: expected the IP address of a name server.*-> such as 10\.0\.0\.2/,
  ],
  [dns(', servers: []'), /d\.servers: expected a list with at least one entry/],
  [dns(', family: v4'), /d\.family: expected one of auto, ipv4, ipv6, both/],
  [dns(', min_ttl: 1m'), /d\.min_ttl: min_ttl \(1m\) is above max_ttl \(30s\)/],
  [dns(', min_ttl: 5s, max_ttl: 2s'), /d\.max_ttl: min_ttl \(5s\) is above max_ttl \(2s\)/],
  [
    'registries: { d: { type: dns } }\ndiscover: { path: "/services/{service}/" }\n',
    /discover\.path: expected host:port.*found "\/services\/\{service\}\/"/,
  ],
  ['registries: { d: { type: dns } }\ndiscover: {}\n', /discover\.path: is missing; .*"\{service\}\.internal:50051"/],
];

test('what cannot work is said with its place', (t) => {
  for (const [text, ...expected] of WRONG) {
    const problems = problemsOf(loadText(text));
    t.is(problems.length, expected.length, `${text}\n${problems.join('\n')}`);
    for (const [at, pattern] of expected.entries()) t.regex(problems[at] ?? '', pattern);
  }
});

test('names that discovery meets fit into the path', (t) => {
  const text = 'registries: { d: { type: dns } }\ndiscover: { path: "_grpc._tcp.{service}.internal" }\n';
  t.is(configOf(loadText(text)).discover?.path, '_grpc._tcp.{service}.internal');
});
