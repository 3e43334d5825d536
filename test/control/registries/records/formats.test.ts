import test from 'ava';
import fc from 'fast-check';
import { RecordSet } from '../../../../src/control/registries/etcd/record_set.ts';
import {
  decodeRecord,
  FORMAT_NAMES,
  findFormat,
  readRecord,
} from '../../../../src/control/registries/records/formats.ts';
import type { Decoded, RawRecord, RecordFormat } from '../../../../src/control/registries/records/record.ts';
import type { Instance } from '../../../../src/model/instance.ts';
import { BROKEN_RECORDS, LIBRARY_RECORDS } from './libraries.ts';

function format(name: string): RecordFormat {
  const found = findFormat(name);
  if (found === null) throw new Error(`no format ${name}`);
  return found;
}

interface Case {
  readonly title: string;
  readonly format: 'plain' | 'grpc' | 'hwholiday';
  readonly key: string;
  readonly value: string;
  /** Null: the record says that nobody is there. */
  readonly instance: Partial<Instance> | null;
}

const NODE = '"name":"svc","path":"/a/b/svc/svc-7d1f","id":"svc-7d1f"';

/** The bytes that the libraries named in each title write. */
const READABLE: readonly Case[] = [
  {
    title: 'go-kit sd/etcdv3: host:port',
    format: 'plain',
    key: '/services/book/127.0.0.1:50052',
    value: '127.0.0.1:50052',
    instance: { id: '127.0.0.1:50052', address: '127.0.0.1:50052' },
  },
  {
    title: 'go-kit sd/etcdv3: a URL',
    format: 'plain',
    key: '/services/book/1',
    value: 'http://127.0.0.1:50052',
    instance: { address: '127.0.0.1:50052' },
  },
  {
    title: 'go-zero: a lease id as key',
    format: 'plain',
    key: 'book.rpc/7587870460981677828',
    value: '10.0.0.5:8080',
    instance: { id: '7587870460981677828', address: '10.0.0.5:8080' },
  },
  {
    title: 'a line end after it',
    format: 'plain',
    key: 'p/a',
    value: 'book.local:80\n',
    instance: { address: 'book.local:80' },
  },
  {
    title: 'an IPv6 address',
    format: 'plain',
    key: 'p/a',
    value: '[fd00::1]:50051',
    instance: { address: '[fd00::1]:50051' },
  },
  {
    title: 'a unix socket',
    format: 'plain',
    key: 'p/a',
    value: 'unix:/run/book',
    instance: { address: 'unix:/run/book' },
  },
  {
    title: 'etcd naming/endpoints',
    format: 'grpc',
    key: 'foo/bar/my-service/1.2.3.4:80',
    value: '{"Op":0,"Addr":"1.2.3.4:80","Metadata":null}',
    instance: { id: '1.2.3.4:80', address: '1.2.3.4:80' },
  },
  {
    title: 'etcd naming/endpoints with a version',
    format: 'grpc',
    key: 't/1.2.3.4:80',
    value: '{"Op":0,"Addr":"1.2.3.4:80","Metadata":{"version":"v2","weight":5,"zone":"a","nested":{}}}',
    instance: {
      address: '1.2.3.4:80',
      version: 'v2',
      weight: 5,
      zone: 'a',
      metadata: { version: 'v2', weight: '5', zone: 'a' },
    },
  },
  {
    title: 'gRPC naming.Update with a version as its metadata',
    format: 'grpc',
    key: 't/1',
    value: '{"Op":0,"Addr":"1.2.3.4:80","Metadata":"v3"}',
    instance: { address: '1.2.3.4:80', version: 'v3' },
  },
  {
    title: 'gRPC naming.Update with other metadata',
    format: 'grpc',
    key: 't/1',
    value: '{"Op":0,"Addr":"1.2.3.4:80","Metadata":[1]}',
    instance: { address: '1.2.3.4:80', version: null },
  },
  { title: 'gRPC naming.Delete', format: 'grpc', key: 't/1', value: '{"Op":1,"Addr":"1.2.3.4:80"}', instance: null },
  {
    title: 'learning_tools etcd/register',
    format: 'hwholiday',
    key: '/a/b/svc/svc-7d1f',
    value: `{"node":{${NODE},"version":"v1","address":"127.0.0.1:8089"},"metadata":{"a":"b"},"endpoints":{}}`,
    instance: { id: 'svc-7d1f', address: '127.0.0.1:8089', version: 'v1', metadata: { a: 'b' } },
  },
  {
    title: 'learning_tools etcd/register without a version',
    format: 'hwholiday',
    key: '/a/b/svc/svc-7d1f',
    value: `{"node":{${NODE},"version":"","address":"127.0.0.1:8089"},"metadata":null,"endpoints":{"Get":{"online":false}}}`,
    instance: { address: '127.0.0.1:8089', version: 'latest', methods: { Get: { online: false, limit: null } } },
  },
  {
    title: 'learning_tools etcd/register, switched off',
    format: 'hwholiday',
    key: '/a/b/svc/svc-7d1f',
    value: `{"node":{${NODE},"version":"v1","address":"127.0.0.1:8089","online":false}}`,
    instance: null,
  },
  {
    title: 'learning_tools etcd/register, with weight and zone',
    format: 'hwholiday',
    key: '/a/b/svc/svc-7d1f',
    value: `{"node":{${NODE},"version":"v1","address":"127.0.0.1:8089","online":true},"weight":"2.5","zone":"b"}`,
    instance: { address: '127.0.0.1:8089', version: 'v1', weight: 2.5, zone: 'b' },
  },
];

for (const { title, format: name, key, value, instance } of READABLE) {
  for (const by of [name, 'auto']) {
    test(`${by} reads ${name}: ${title}`, (t) => {
      const decoded = decodeRecord(format(by), key, value, '');
      if (instance === null) {
        t.deepEqual(decoded, { kind: 'nobody' });
        return;
      }
      const id = key.slice(key.lastIndexOf('/') + 1);
      const expected = { id, version: null, weight: 1, zone: null, metadata: {}, ...instance } as Instance;
      t.deepEqual(decoded, { kind: 'instances', instances: [expected] });
    });
  }
}

for (const { source, format: name, key, value, instance } of LIBRARY_RECORDS) {
  test(`${name} reads what is written by ${source}, and auto knows it`, (t) => {
    const prefix = key.slice(0, key.lastIndexOf('/') + 1);
    const id = key.slice(prefix.length);
    const expected = { id, version: null, weight: 1, zone: null, metadata: {}, ...instance } as Instance;
    const decoded: Decoded = instance === null ? { kind: 'nobody' } : { kind: 'instances', instances: [expected] };
    for (const path of [prefix, prefix.slice(0, -1), '']) {
      t.deepEqual(readRecord(format(name), key, value, path), { decoded, format: name });
      t.deepEqual(readRecord(format('auto'), key, value, path), { decoded, format: name });
    }
  });
}

test('the shape of what a library writes is that of one format alone', (t) => {
  for (const { format: name, key, value } of LIBRARY_RECORDS) {
    const fields = value.startsWith('{') ? JSON.parse(value) : null;
    const id = key.slice(key.lastIndexOf('/') + 1);
    const record: RawRecord = { key, id, prefix: '', value, fields, protocol: 'h2' };
    const fitting = FORMAT_NAMES.filter((other) => other !== 'auto' && format(other).fits(record));
    t.deepEqual(fitting, [name], `${key} ${value}`);
  }
});

for (const { format: name, key, value, problem } of BROKEN_RECORDS) {
  test(`${name} finds the problem of ${key} ${value}, and it costs no other record`, (t) => {
    const path = key.slice(0, key.lastIndexOf('/') + 1);
    for (const by of [name, 'auto']) {
      const good = LIBRARY_RECORDS.filter((record) => record.format === name && record.instance !== null);
      const set = new RecordSet(path, format(by));
      const others = good.map((record, at) => ({
        key: `${path}${at}/${record.key}`,
        value: record.value,
        revision: 1n,
      }));
      set.replace([{ key, value, revision: 1n }, ...others]);
      t.is(set.answer().bad.length, 1);
      const decoded = readRecord(format(by), key, value, path);
      t.is(decoded.format, name);
      t.regex((decoded.decoded as { problem: string }).problem, problem);
      t.is(set.answer().instances.length, new Set(good.map(({ instance }) => instance?.address)).size);
    }
  });
}

test('of several nodes in one go-micro record each is an instance', (t) => {
  const value = '{"name":"a","version":"v1","nodes":[{"id":"1","address":"h:1"},{"id":"2","address":"h:2"}]}';
  const decoded = decodeRecord(format('auto'), '/micro/registry/a/x', value, '/micro/registry/a/');
  const instances = decoded.kind === 'instances' ? decoded.instances : [];
  t.deepEqual(
    instances.map(({ id, address, version }) => [id, address, version]),
    [
      ['1', 'h:1', 'v1'],
      ['2', 'h:2', 'v1'],
    ],
  );
});

for (const [name, record, http] of [
  ['kratos', '{"name":"a","endpoints":["grpc://h:1","grpcs://h:2","https://h:3","http://h:4"]}', 'h:4'],
  ['kratos', '{"name":"a","endpoints":["grpc://h:1","https://h:3"]}', 'h:3'],
  [
    'dubbo',
    '{"ServiceName":"a","Host":"h","Port":9,"Metadata":{"dubbo.endpoints":"[{\\"port\\":1,\\"protocol\\":\\"tri\\"},{\\"port\\":4,\\"protocol\\":\\"rest\\"}]"}}',
    'h:4',
  ],
] as const) {
  test(`${name} gives the endpoint of the protocol asked for: ${record}`, (t) => {
    const address = (protocol: 'h2' | 'http/1.1') => {
      const decoded = decodeRecord(format(name), 'a/1', record, 'a/', protocol);
      return decoded.kind === 'instances' ? decoded.instances[0]?.address : null;
    };
    t.is(address('h2'), 'h:1');
    t.is(address('http/1.1'), http);
  });
}

const UNREADABLE: readonly [format: string, value: string, problem: RegExp][] = [
  ['auto', '', /fits no format .* found ""/],
  ['auto', 'hello', /fits no format \(outrigger, hwholiday, grpc, .*\): found "hello"/],
  ['auto', '127.0.0.1', /fits no format/],
  ['auto', ':8089', /fits no format/],
  ['auto', '127.0.0.1:0', /fits no format/],
  ['auto', '127.0.0.1:65536', /fits no format/],
  ['auto', 'http://127.0.0.1:80/path', /fits no format/],
  ['auto', 'ftp://127.0.0.1:80', /fits no format/],
  ['auto', '{"Op":0', /fits no format/],
  ['auto', '{}', /fits no format/],
  ['auto', '[]', /fits no format/],
  ['auto', 'null', /fits no format/],
  ['auto', '{"Op":0}', /no usable Addr: .* found nothing/],
  ['auto', '{"Op":2,"Addr":"1.2.3.4:80"}', /unknown Op: .* found 2/],
  ['auto', '{"Op":0,"Addr":7}', /no usable Addr: .* found 7/],
  ['auto', '{"node":null}', /no hwholiday record/],
  ['auto', '{"node":{"address":":8089"}}', /no usable node.address: .* found ":8089"/],
  ['auto', `{"node":{"address":"${'x'.repeat(70_000)}"}}`, /too long/],
  // A NUL in the host would make net.connect throw in the data thread.
  ['auto', 'a\0b:80', /fits no format/],
  ['plain', 'a\0b:80', /no address/],
  ['auto', '{"Op":0,"Addr":"a\\u0000b:80"}', /no usable Addr/],
  ['auto', '{"node":{"address":"a\\u0000b:80"}}', /no usable node.address/],
  ['plain', '{"Op":0,"Addr":"1.2.3.4:80"}', /no address/],
  ['grpc', '1.2.3.4:80', /no grpc record/],
  ['hwholiday', '1.2.3.4:80', /no hwholiday record/],
  ['outrigger', '1.2.3.4:80', /no outrigger record/],
  ['kratos', '1.2.3.4:80', /no kratos record/],
  ['go-micro', '1.2.3.4:80', /no go-micro record/],
  ['kitex', '1.2.3.4:80', /no kitex record/],
  ['dubbo', '1.2.3.4:80', /no dubbo record/],
  ['dubbo', '', /no value, and no URL/],
  ['nerve', '1.2.3.4:80', /no nerve record/],
  ['auto', '{"name":"book"}', /fits no format/],
];

for (const [name, value, problem] of UNREADABLE) {
  test(`${name} finds the problem of ${JSON.stringify(value).slice(0, 60)}`, (t) => {
    const decoded = decodeRecord(format(name), 'p/a', value, 'p/');
    t.is(decoded.kind, 'problem');
    t.regex((decoded as { problem: string }).problem, problem);
    t.true((decoded as { problem: string }).problem.length < 300);
  });
}

test('there are these formats, and no others', (t) => {
  const names = ['auto', 'dubbo', 'go-micro', 'grpc', 'hwholiday', 'kitex', 'kratos', 'nerve', 'outrigger', 'plain'];
  t.deepEqual([...FORMAT_NAMES].sort(), names);
  t.is(findFormat('morse'), null);
  for (const name of FORMAT_NAMES) t.is(findFormat(name)?.name, name);
});

test('no value makes any format throw, and whatever is read has a usable address', (t) => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.record({ node: fc.jsonValue(), weight: fc.jsonValue(), metadata: fc.jsonValue() }).map((v) => JSON.stringify(v)),
    fc
      .record({ Op: fc.constantFrom(0, 1, '0'), Addr: fc.jsonValue(), Metadata: fc.jsonValue() })
      .map((v) => JSON.stringify(v)),
    fc
      .record({ weight: fc.jsonValue(), zone: fc.jsonValue(), metadata: fc.jsonValue(), version: fc.jsonValue() })
      .map((v) => JSON.stringify({ ...v, node: { ...v, address: 'a:1' } })),
  );
  const fields = [
    'id',
    'name',
    'version',
    'metadata',
    'endpoints',
    'nodes',
    'network',
    'address',
    'weight',
    'tags',
    'Host',
  ];
  fields.push('Port', 'ServiceName', 'Metadata', 'Tag', 'host', 'port', 'labels', 'node', 'Weight');
  const sensible = fc.oneof(fc.jsonValue(), fc.constantFrom('h:1', ['grpc://h:1'], [{ address: 'h:1' }], 'h', 1));
  const mixture = fc.dictionary(fc.constantFrom(...fields), sensible).map((record) => JSON.stringify(record));
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map((url) => `/dubbo/a/providers/${encodeURIComponent(`tri://${url}`)}`),
    fc.constantFrom(
      '/dubbo/a/providers/tri%3A%2F%2F%',
      '/microservices/a/1',
      '/micro/registry/a/1',
      'kitex/registry-etcd/a/h:1',
    ),
  );
  const anything = fc.oneof(value, mixture, fc.constant(''));
  fc.assert(
    fc.property(fc.constantFrom(...FORMAT_NAMES), key, fc.string(), anything, (name, at, prefix, text) => {
      const decoded: Decoded = decodeRecord(format(name), at, text, prefix);
      if (decoded.kind !== 'instances') return true;
      return decoded.instances.every(
        ({ address, weight, metadata }) =>
          address !== '' && weight >= 0 && Object.values(metadata).every((label) => typeof label === 'string'),
      );
    }),
    { numRuns: 3_000 },
  );
  t.pass();
});

test('a weight that is no number costs no instance: it counts as 1, and the record is reported', (t) => {
  const value = JSON.stringify({ Op: 0, Addr: '1.2.3.4:80', Metadata: { weight: 'heavy' } });
  const { decoded } = readRecord(findFormat('auto') as RecordFormat, '/s/a', value, '/s/');
  if (decoded.kind !== 'instances') return t.fail(decoded.kind);
  t.like(decoded.instances[0], { address: '1.2.3.4:80', weight: 1 });
  t.regex(decoded.problem ?? '', /weight that is no number from 0: found "heavy"; it counts as 1/);
});
