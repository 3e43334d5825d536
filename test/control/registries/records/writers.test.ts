import test from 'ava';
import fc from 'fast-check';
import { OutriggerError } from '../../../../src/base/errors.ts';
import { belongsTo } from '../../../../src/control/registries/etcd/keys.ts';
import { FORMAT_NAMES, findFormat, readRecord, WRITERS } from '../../../../src/control/registries/records/formats.ts';
import type { RecordFormat, Registrant } from '../../../../src/control/registries/records/record.ts';
import type { Instance } from '../../../../src/model/instance.ts';

const BOOK: Registrant = {
  service: 'book',
  id: 'book-1',
  address: '10.0.0.5:50051',
  version: 'v2',
  weight: 3,
  zone: 'b',
  metadata: { team: 'print' },
  path: '/services/book/',
};

function written(name: string, registrant: Registrant) {
  const record = WRITERS[name]?.(registrant);
  if (record === undefined) throw new Error(`no writer for ${name}`);
  return record;
}

function readBack(by: string, name: string, registrant: Registrant): Instance | null {
  const { key, value } = written(name, registrant);
  const { decoded, format } = readRecord(findFormat(by) as RecordFormat, key, value, registrant.path);
  if (format !== name || decoded.kind !== 'instances') throw new Error(`${by} reads ${value} as ${format}`);
  return decoded.instances[0] ?? null;
}

test('every format but auto can be written', (t) => {
  t.deepEqual(Object.keys(WRITERS).sort(), FORMAT_NAMES.filter((name) => name !== 'auto').sort());
});

// The order of the keys is that of the fields in each library's own structure.
const BYTES: readonly [format: string, path: string, key: string, value: string][] = [
  ['plain', '/services/book/', '/services/book/book-1', '10.0.0.5:50051'],
  [
    'grpc',
    'services/book/',
    'services/book/10.0.0.5:50051',
    '{"Op":0,"Addr":"10.0.0.5:50051","Metadata":{"team":"print","version":"v2","weight":"3","zone":"b"}}',
  ],
  [
    'hwholiday',
    '/a/b/book/',
    '/a/b/book/book-1',
    '{"node":{"name":"book","path":"/a/b/book","id":"book-1","version":"v2","address":"10.0.0.5:50051","weight":3,"zone":"b"},"metadata":{"team":"print"},"endpoints":{}}',
  ],
  [
    'outrigger',
    '/services/book/',
    '/services/book/book-1',
    '{"node":{"name":"book","path":"/services/book","id":"book-1","version":"v2","address":"10.0.0.5:50051"},"metadata":{"team":"print"},"endpoints":{},"weight":3,"zone":"b"}',
  ],
  [
    'kratos',
    '/microservices/book/',
    '/microservices/book/book-1',
    '{"id":"book-1","name":"book","version":"v2","metadata":{"team":"print","weight":"3","zone":"b"},"endpoints":["grpc://10.0.0.5:50051?isSecure=false"]}',
  ],
  [
    'go-micro',
    '/micro/registry/book',
    '/micro/registry/book/book-1',
    '{"name":"book","version":"v2","metadata":{},"endpoints":[],"nodes":[{"id":"book-1","address":"10.0.0.5:50051","metadata":{"team":"print","weight":"3","zone":"b"}}]}',
  ],
  [
    'kitex',
    'kitex/registry-etcd/book/',
    'kitex/registry-etcd/book/10.0.0.5:50051',
    '{"network":"tcp","address":"10.0.0.5:50051","weight":3,"tags":{"team":"print","version":"v2","zone":"b"}}',
  ],
  [
    'dubbo',
    '/services/book/',
    '/services/book/10.0.0.5:50051',
    '{"ID":"10.0.0.5:50051","ServiceName":"book","Host":"10.0.0.5","Port":50051,"Weight":3,"Enable":true,"Healthy":true,"Metadata":{"team":"print","zone":"b"},"ServiceMetadata":null,"Address":"10.0.0.5:50051","GroupName":"","Tag":"v2"}',
  ],
  [
    'nerve',
    '/nerve/book/',
    '/nerve/book/book-1',
    '{"host":"10.0.0.5","port":50051,"name":"book-1","weight":3,"labels":{"team":"print","version":"v2","zone":"b"}}',
  ],
];

for (const [format, path, key, value] of BYTES) {
  test(`${format} is written as its own library would`, (t) => {
    t.deepEqual(written(format, { ...BOOK, path }), { key, value });
  });
}

test('what nobody said is not written into metadata', (t) => {
  const bare = { ...BOOK, version: null, weight: 1, zone: null, metadata: {} };
  t.is(written('grpc', bare).value, '{"Op":0,"Addr":"10.0.0.5:50051","Metadata":null}');
  t.regex(written('kratos', bare).value, /"version":"","metadata":\{\}/);
});

test('without a version hwholiday says latest, as its library does, and so does our own record', (t) => {
  for (const format of ['hwholiday', 'outrigger']) {
    t.is(readBack('auto', format, { ...BOOK, version: null })?.version, 'latest');
  }
});

test('a socket fits into records that hold an address as a text, and is refused by others', (t) => {
  const registrant = { ...BOOK, address: 'unix:/run/book.sock' };
  for (const format of ['plain', 'grpc', 'hwholiday', 'outrigger', 'go-micro', 'kitex']) {
    t.is(readBack('auto', format, registrant)?.address, registrant.address, format);
  }
  for (const format of ['dubbo', 'nerve']) {
    const error = t.throws(() => written(format, registrant), { instanceOf: OutriggerError });
    t.is(error?.code, 'record_unwritable');
  }
});

const word = fc.stringMatching(/^[A-Za-z][\w.-]{0,12}$/);
const registrants: fc.Arbitrary<Registrant> = fc
  .record({
    service: word,
    id: word,
    address: fc
      .tuple(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6().map((address) => `[${address}]`),
          fc.constant('book.local'),
        ),
        fc.integer({ min: 1, max: 65_535 }),
      )
      .map(([host, port]) => `${host}:${port}`),
    version: fc.option(word),
    weight: fc.integer({ min: 1, max: 1_000 }),
    zone: fc.option(word),
    metadata: fc.dictionary(
      word.map((name) => `x-${name}`),
      word,
      { maxKeys: 3 },
    ),
    namespace: fc.constantFrom('/services/', '/microservices/', '/micro/registry/', 'kitex/registry-etcd/', ''),
    slash: fc.constantFrom('/', ''),
  })
  .map(({ namespace, slash, ...rest }) => {
    // A path that ends in neither a letter nor a digit is a prefix, and takes no slash of its own.
    return { ...rest, path: `${namespace}${rest.service}${/[A-Za-z0-9]$/.test(rest.service) ? slash : '/'}` };
  });

for (const name of Object.keys(WRITERS)) {
  test(`what is written as ${name} is read back, by the format and by auto, under its path`, (t) => {
    fc.assert(
      fc.property(registrants, (registrant) => {
        t.true(belongsTo(written(name, registrant).key, registrant.path));
        for (const by of [name, 'auto']) {
          const instance = readBack(by, name, registrant);
          t.is(instance?.address, registrant.address);
          if (name === 'plain') continue;
          const byDefault = name === 'hwholiday' || name === 'outrigger' ? 'latest' : null;
          t.is(instance?.version, registrant.version ?? byDefault);
          t.is(instance?.weight, registrant.weight);
          t.is(instance?.zone, registrant.zone);
          t.deepEqual({ ...instance?.metadata, ...registrant.metadata }, instance?.metadata);
        }
      }),
      { numRuns: 150 },
    );
  });
}
