import test from 'ava';
import { configOf, loadText, problemsOf } from './load_text.ts';

test('a config of two lines has every default', (t) => {
  const config = configOf(
    loadText('registries: { main: { type: etcd, endpoints: ["http://h:2379"] } }\nservices: { book: {} }\n'),
  );
  const limits = {
    requests: 20_000,
    pending: 20_000,
    pendingTimeout: 6_000,
    connectionsPerInstance: 8,
    instanceConcurrency: null,
  };
  t.like(config.services.get('book')?.settings, {
    balance: 'round_robin',
    version: { header: 'x-version', default: null, fallback: 'none' },
    limits,
    timeout: null,
    retry: null,
    hedge: null,
    methods: {},
    outlier: {
      consecutiveFailures: 5,
      failureCodes: [14, 4, 13, 2, 15, 8],
      interval: 10_000,
      baseEjection: 30_000,
      maxEjection: 300_000,
      maxEjected: 0.1,
      successRate: null,
      failurePercentage: null,
    },
    panicThreshold: 0.5,
    slowStart: null,
    maxConnectionAge: null,
    registry: 'main',
    path: '/services/book/',
  });
  t.like<object>(
    { ...config, registries: [...config.registries], services: [...config.services.keys()] },
    {
      file: 'c.yaml',
      listen: ['127.0.0.1:15001'],
      admin: '127.0.0.1:15000',
      telemetry: '0.0.0.0:15020',
      workers: 1,
      log: { level: 'info', format: 'auto' },
      drainGraceMs: 10_000,
      registries: [
        [
          'main',
          {
            type: 'etcd',
            endpoints: ['http://h:2379'],
            username: undefined,
            password: undefined,
            emptyProtection: undefined,
          },
        ],
      ],
      services: ['book'],
      discover: null,
      routing: { routes: [], discover: false, defaultService: null },
    },
  );
});

test('every key arrives where the program looks for it', (t) => {
  const config = configOf(
    loadText(`
listen: [127.0.0.1:1, "unix:/run/o.sock"]
admin: 127.0.0.1:2
telemetry: "[::1]:0"
workers: 4
log: { level: debug, format: json }
drain_grace: 1.5s
registries:
  e:
    type: etcd
    endpoints: ["https://h:2379", "https://i"]
    username: u
    password: p
    tls: { ca: ca.pem, cert: /abs/cert.pem, key: key.pem }
    empty_protection: 30s
  f: { type: file, path: records, empty_protection: 1m }
  s: { type: static }
services:
  a:
    registry: e
    path: /x/
    format: grpc
    balance: random
    version: { header: X-Track, default: v1, fallback: [v2, v1] }
    timeout: 3s
    limits: { requests: 10, pending: 5, connections_per_instance: 2 }
    protocol: h2
  b: { registry: s, instances: [ { address: "h:1", version: v1, weight: 0.5, zone: z }, { address: "unix:/run/b" } ] }
discover: { registry: f, path: "/{service}/", format: plain, balance: random, timeout: 1m }
routes: [ { path: /a/, host: h, service: a }, { path: /, service: found-later } ]
default_service: b
`),
  );
  t.deepEqual(config.listen, ['127.0.0.1:1', 'unix:/run/o.sock']);
  t.is(config.telemetry, '[::1]:0');
  t.is(config.workers, 4);
  t.deepEqual(config.log, { level: 'debug', format: 'json' });
  t.is(config.drainGraceMs, 1_500);
  t.deepEqual(config.registries.get('e'), {
    type: 'etcd',
    endpoints: ['https://h:2379', 'https://i:443'],
    username: 'u',
    password: 'p',
    tls: { ca: '/etc/outrigger/ca.pem', cert: '/abs/cert.pem', key: '/etc/outrigger/key.pem' },
    emptyProtection: 30_000,
  });
  t.deepEqual(config.registries.get('f'), { type: 'file', path: '/etc/outrigger/records', emptyProtection: 60_000 });
  t.like(config.services.get('a'), {
    settings: {
      balance: 'random',
      version: { header: 'x-track', default: 'v1', fallback: ['v2', 'v1'] },
      limits: { requests: 10, pending: 5, connectionsPerInstance: 2 },
      timeout: 3_000,
      registry: 'e',
      path: '/x/',
    },
    registry: 'e',
    path: '/x/',
    format: 'grpc',
    instances: [],
  });
  t.deepEqual(config.services.get('b')?.instances, [
    { address: 'h:1', version: 'v1', weight: 0.5, zone: 'z', metadata: {} },
    { address: 'unix:/run/b', version: null, weight: 1, zone: null, metadata: {} },
  ]);
  t.like(config.discover, {
    registry: 'f',
    path: '/{service}/',
    format: 'plain',
    settings: { balance: 'random', timeout: 60_000 },
  });
  t.deepEqual(config.routing, {
    routes: [
      { path: '/a/', host: 'h', service: 'a' },
      { path: '/', host: null, service: 'found-later' },
    ],
    discover: true,
    defaultService: 'b',
  });
});

test('the user of an endpoint URL becomes username and password, and leaves the URL', (t) => {
  const config = configOf(
    loadText('registries: { e: { type: etcd, endpoints: ["http://me:p%40ss@h:2379/"] } }\ndiscover: {}\n'),
  );
  t.like(config.registries.get('e'), { endpoints: ['http://h:2379'], username: 'me', password: 'p@ss' });
});

test('an empty username and password are none', (t) => {
  const config = configOf(
    loadText(
      'registries: { e: { type: etcd, endpoints: ["http://h:1"], username: "", password: "" } }\ndiscover: {}\n',
    ),
  );
  t.like(config.registries.get('e'), { username: undefined, password: undefined });
});

test('names that objects have by themselves are names like others', (t) => {
  const text = 'registries: { toString: { type: file, path: x } }\nservices: { constructor: {}, hasOwnProperty: {} }\n';
  t.deepEqual([...configOf(loadText(text)).services.keys()], ['constructor', 'hasOwnProperty']);
});

test('JSON is a config, and so is YAML with anchors', (t) => {
  const json = JSON.stringify(
    { registries: { f: { type: 'file', path: 'x' } }, services: { a: { timeout: '1s' } } },
    null,
    2,
  );
  t.is(configOf(loadText(json)).services.get('a')?.settings.timeout, 1_000);
  const yaml = 'registries: { f: { type: file, path: x } }\nservices: { a: &slow { timeout: 9s }, b: *slow }\n';
  t.is(configOf(loadText(yaml)).services.get('b')?.settings.timeout, 9_000);
});

test('a problem in something that is used twice stands where it is written', (t) => {
  const yaml = 'registries: { f: { type: file, path: x } }\nservices:\n  a: &slow { timeout: 9 }\n  b: *slow\n';
  t.deepEqual(
    problemsOf(loadText(yaml)).map((line) => line.split(': ').slice(0, 2).join(' ')),
    ['c.yaml:3:23 services.a.timeout', 'c.yaml:3:23 services.b.timeout'],
  );
});

test('lines may end in CR LF', (t) => {
  const problems = problemsOf(loadText('workers: 1\r\nregistries: { f: { type: file, path: x } }\r\ndiscover: []\r\n'));
  t.deepEqual(problems, ['c.yaml:3:11: discover: expected a map of keys, found an empty list']);
});
