import test from 'ava';
import { parseKubernetesPath } from '../../../src/config/kubernetes_path.ts';
import { answerOf } from '../../../src/control/registries/kubernetes/endpoints.ts';
import { JsonLines } from '../../../src/control/registries/kubernetes/json_lines.ts';
import { readSlice, type Slice } from '../../../src/control/registries/kubernetes/slice.ts';
import { SliceStore } from '../../../src/control/registries/kubernetes/slice_store.ts';
import { endpointSlice, type SliceSpec } from '../../support/kubernetes_slice.ts';

const slice = (spec: Partial<SliceSpec>): Slice =>
  readSlice(endpointSlice({ name: 'book-1', ...spec }), 'version') as Slice;

function instances(path: string, ...slices: readonly Slice[]) {
  const [target] = parseKubernetesPath(path) ?? [];
  if (target === undefined) throw new Error(`no path: ${path}`);
  const { instances, bad } = answerOf(slices, target);
  return { addresses: instances.map(({ address }) => address), instances, bad };
}

test('a path is a service, perhaps with namespace and port, also by the names of the cluster, or several', (t) => {
  const cases: readonly [string, ...(string | number | null)[]][] = [
    ['book', null, 'book', null],
    ['shop/book', 'shop', 'book', null],
    ['shop/book:grpc', 'shop', 'book', 'grpc'],
    ['book:50051', null, 'book', 50051],
    ['book.shop', 'shop', 'book', null],
    ['book.shop.svc', 'shop', 'book', null],
    ['Book.Shop.svc.cluster.local.:grpc', 'shop', 'book', 'grpc'],
  ];
  for (const [path, namespace, service, port] of cases)
    t.deepEqual(parseKubernetesPath(path) as unknown, [{ namespace, service, port }], path);
  t.is(parseKubernetesPath('a, shop/b:grpc')?.length, 2);
  for (const path of ['', 'a,', '/services/book/', 'a/b/c', 'a/b.c', 'a_b', 'book:', 'book:a/b', 'book.shop.pod'])
    t.is(parseKubernetesPath(path), null, path);
});

test('ready endpoints are instances; null means ready, and only when nobody is, those that still answer while they leave', (t) => {
  const ready = { address: '10.0.0.1', ready: null };
  const starting = { address: '10.0.0.2', ready: false };
  const leaving = { address: '10.0.0.3', ready: false, serving: true, terminating: true };
  const gone = { address: '10.0.0.4', ready: false, serving: false, terminating: true };
  t.deepEqual(instances('book', slice({ endpoints: [ready, starting, leaving, gone] })).addresses, ['10.0.0.1:50051']);
  t.deepEqual(instances('book', slice({ endpoints: [starting, leaving, gone] })).addresses, ['10.0.0.3:50051']);
  t.deepEqual(instances('book', slice({ endpoints: [starting, gone] })).addresses, []);
  const other = slice({ name: 'book-2', endpoints: [ready] });
  t.deepEqual(instances('book', slice({ endpoints: [leaving] }), other).addresses, ['10.0.0.1:50051']);
});

test('an endpoint in two slices, and a pod with addresses of both families, count once', (t) => {
  const a = slice({
    endpoints: [
      { address: '10.0.0.1', pod: 'a' },
      { address: '10.0.0.2', pod: 'b' },
    ],
  });
  const b = slice({ name: 'book-2', endpoints: [{ address: '10.0.0.2', pod: 'b' }, { address: '10.0.0.3' }] });
  const v6 = slice({
    name: 'book-3',
    addressType: 'IPv6',
    endpoints: [
      { address: 'fd00::1', pod: 'a' },
      { address: 'fd00::9', pod: 'c' },
    ],
  });
  const expected = ['10.0.0.1:50051', '10.0.0.2:50051', '10.0.0.3:50051', '[fd00::9]:50051'];
  t.deepEqual(instances('book', v6, a, b).addresses.sort(), expected);
  t.deepEqual(instances('book', a, b, v6).addresses.sort(), expected);
});

test('the port is the one of the path, the only one, or the one that says it speaks HTTP/2', (t) => {
  const endpoints = [{ address: '10.0.0.1' }];
  const several = slice({
    endpoints,
    ports: [
      { name: 'metrics', port: 9090 },
      { name: 'grpc-api', port: 7000 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  });
  t.deepEqual(instances('book:metrics', several).addresses, ['10.0.0.1:9090']);
  t.deepEqual(instances('book:7000', several).addresses, ['10.0.0.1:7000']);
  t.deepEqual(instances('book', several).addresses, ['10.0.0.1:7000']);
  t.deepEqual(instances('book:dns', several).bad, [
    { key: 'shop/book-1', problem: 'has no port dns (metrics 9090, grpc-api 7000)' },
  ]);
  const byProtocol = [
    { name: 'a', port: 1 },
    { name: 'b', port: 2, appProtocol: 'kubernetes.io/h2c' },
  ];
  t.deepEqual(instances('book', slice({ endpoints, ports: byProtocol })).addresses, ['10.0.0.1:2']);
  const undecided = slice({
    endpoints,
    ports: [
      { name: 'a', port: 1 },
      { name: 'b', port: 2 },
    ],
  });
  t.deepEqual(instances('book', undecided).bad, [
    { key: 'shop/book-1', problem: 'has several ports (a 1, b 2): add the one to use to the path, as in "book:grpc"' },
  ]);
  t.deepEqual(instances('book', slice({ endpoints, ports: [{}] })).bad, [
    { key: 'shop/book-1', problem: 'has no TCP port' },
  ]);
  t.deepEqual(instances('book', slice({ endpoints: [], ports: [] })).bad, [], 'nobody there, nothing to complain of');
});

test('hosts of type FQDN are addresses, and an endpoint without a usable one is a bad record', (t) => {
  const fqdn = slice({ addressType: 'FQDN', endpoints: [{ address: 'a.example' }, { address: 'a b' }] });
  const { addresses, bad } = instances('book', fqdn);
  t.deepEqual(addresses, ['a.example:50051']);
  t.deepEqual(bad, [{ key: 'shop/book-1 endpoints[1]', problem: 'has no usable address: found "a b"' }]);
});

test('the version is the label that the config names, and what is no slice of a service is nobody', (t) => {
  const labels = { version: 'v1', 'app.kubernetes.io/version': '1.2' };
  const object = endpointSlice({ name: 'x', labels });
  t.is(readSlice(object, 'version')?.version, 'v1');
  t.is(readSlice(object, 'app.kubernetes.io/version')?.version, '1.2');
  t.is(readSlice(object, 'tier')?.version, null);
  for (const nothing of [null, 1, {}, { metadata: {} }, { metadata: { name: 'x' } }])
    t.is(readSlice(nothing, 'v'), null);
  const odd = { metadata: { ...object.metadata }, endpoints: [1, {}, { addresses: [] }], ports: [null, { port: 'x' }] };
  t.is(readSlice(odd, 'version')?.bad.length, 3);
});

test('the store tells which services a change concerns, and reads again only what changed', (t) => {
  const store = new SliceStore('version');
  const object = (name: string, service: string, resourceVersion: string) => {
    const made = endpointSlice({ name, service });
    return { ...made, metadata: { ...made.metadata, resourceVersion } };
  };
  t.deepEqual(store.replace([object('a', 'book', '1'), object('b', 'user', '2')]), new Set(['book', 'user']));
  const [before] = store.slicesOf('book');
  t.deepEqual(store.replace([object('a', 'book', '1'), object('c', 'user', '3')]), new Set(['user']));
  t.is([...store.slicesOf('book')][0], before);
  t.deepEqual(store.put(object('a', 'author', '4')), new Set(['book', 'author']), 'a slice that changes its service');
  t.deepEqual([...store.slicesOf('book')], []);
  t.deepEqual(store.remove(object('a', 'author', '5')), new Set(['author']));
  t.deepEqual(store.remove(object('a', 'author', '5')), new Set());
});

test('lines of JSON come out whole whatever pieces they came in, and one without an end is an error', (t) => {
  const text = '{"a":"ä€😀"}\n\n{"b":2}\n';
  for (const size of [1, 2, 3, 7, 100]) {
    const values: unknown[] = [];
    const lines = new JsonLines(1_000, (value) => values.push(value));
    const octets = Buffer.from(text);
    for (let at = 0; at < octets.length; at += size) lines.push(octets.subarray(at, at + size));
    t.deepEqual(values, [{ a: 'ä€😀' }, { b: 2 }]);
  }
  const bounded = new JsonLines(10, () => {});
  bounded.push(Buffer.from('"1234567"\n"1234567"\n'));
  bounded.push(Buffer.from('"12345'));
  t.throws(() => bounded.push(Buffer.from('67890')), { message: 'a line of over 10 octets' });
  t.throws(() => new JsonLines(10, () => {}).push(Buffer.from('nope\n')), { instanceOf: SyntaxError });
});
