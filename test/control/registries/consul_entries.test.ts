import { deflateSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { parseConsulPath } from '../../../src/config/consul_path.ts';
import { readEntries } from '../../../src/control/registries/consul/entries.ts';
import { TokenBucket } from '../../../src/control/registries/consul/token_bucket.ts';
import { consulVersion } from '../../../src/control/registries/consul/version.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { consulEntry } from '../../support/scripted_consul.ts';

const read = (entries: unknown, health: 'passing' | 'warning' | 'any' = 'passing', limit: number | null = null) =>
  readEntries(JSON.stringify(entries), { health, limit, protocol: 'h2' });
/** As micro/go-micro registry/consul/encoding.go writes a version into a tag. */
const goMicroTag = (version: string) => `v-${deflateSync(version).toString('hex')}`;

for (const [title, meta, tags, version] of [
  ['Meta.version before every tag', { version: 'm1' }, ['version=t1'], 'm1'],
  ['kratos: version=', {}, ['x', 'version=v1.2.0'], 'v1.2.0'],
  ['go-micro of old: v=', {}, ['v=1.0.0'], '1.0.0'],
  ['go-micro: v- and the compressed version', {}, ['e-00', goMicroTag('latest')], 'latest'],
  // The octets of micro/go-micro registry/consul/encoding_test.go, which Go's zlib made.
  ['go-micro, as Go compresses it', {}, ['v-789cca492c492d2e01040000ffff08cc028e'], 'latest'],
  ['go-micro, another one', {}, ['v-789c32d433d03300040000ffff02ce00ee'], '1.0.0'],
  ['kitex: version:', {}, ['version:v3'], 'v3'],
  ['a bare tag', {}, ['primary', 'v2'], 'v2'],
  ['a bare tag with more', {}, ['v2.1.0-beta'], 'v2.1.0-beta'],
  ['the order of the kinds, not of the tags', {}, ['v9', 'version:k', goMicroTag('m'), 'v=o', 'version=r'], 'r'],
  ['no version', { team: 'a' }, ['primary', 'vip', 'version', 'v-', 'v-zz'], null],
  ['an empty Meta.version says nothing', { version: '' }, ['v1'], 'v1'],
  ['nothing at all', null, null, null],
] as const) {
  test(`the version of a service: ${title}`, (t) => {
    t.is(consulVersion(meta, tags), version);
  });
}

test('a compressed tag that would become huge is no version', (t) => {
  t.is(consulVersion({}, [goMicroTag('x'.repeat(10_000_000))]), null);
});

test('an entry becomes an instance: address, version, weight, zone and labels', (t) => {
  const entry = consulEntry(8080, {
    service: {
      ID: 'book-1',
      Address: '10.0.0.7',
      Meta: { version: 'v2', zone: 'b', team: 'print' },
      Weights: { Passing: 5, Warning: 2 },
    },
  });
  t.deepEqual(read([entry]).instances, [
    {
      id: 'book-1',
      address: '10.0.0.7:8080',
      version: 'v2',
      weight: 5,
      zone: 'b',
      metadata: { version: 'v2', zone: 'b', team: 'print' },
    },
  ]);
});

test('a service without an address is at its node, in the zone of its datacenter', (t) => {
  const [instance] = read([
    consulEntry(80, { service: { Address: '', Meta: null }, node: { Address: '10.1.1.1' } }),
  ]).instances;
  t.is(instance?.address, '10.1.1.1:80');
  t.is(instance?.zone, 'dc1');
  const [located] = read([consulEntry(80, { service: { Locality: { Region: 'eu', Zone: 'eu-1a' } } })]).instances;
  t.is(located?.zone, 'eu-1a');
  const [v6] = read([consulEntry(80, { service: { Address: '::1' } })]).instances;
  t.is(v6?.address, '[::1]:80');
});

test('kratos: the gRPC endpoint of TaggedAddresses comes before the address', (t) => {
  const taggedBy = (TaggedAddresses: object) =>
    read([consulEntry(8000, { service: { TaggedAddresses } })]).instances[0]?.address;
  const http = { Address: 'http://10.0.0.7:8000?isSecure=false', Port: 8000 };
  t.is(taggedBy({ http, grpc: { Address: 'grpc://10.0.0.7:9000?isSecure=false', Port: 9000 } }), '10.0.0.7:9000');
  t.is(taggedBy({ http, grpc: { Address: '10.0.0.7', Port: 9000 } }), '10.0.0.7:9000');
  t.is(taggedBy({ http, lan_ipv4: { Address: '10.0.0.8', Port: 1 } }), '127.0.0.1:8000');
});

test('health: the worst check counts; warnings come with the weight for warnings, and only when they are let in', (t) => {
  const withChecks = (port: number, ...statuses: string[]) =>
    consulEntry(port, {
      service: { Weights: { Passing: 10, Warning: 3 } },
      checks: statuses.map((Status) => ({ Status })),
    });
  const entries = [
    withChecks(1, 'passing', 'passing'),
    withChecks(2, 'passing', 'warning'),
    withChecks(3, 'warning', 'critical'),
    withChecks(4, 'maintenance'),
    withChecks(5),
  ];
  const found = (health: 'passing' | 'warning' | 'any') =>
    read(entries, health).instances.map(({ address, weight }) => `${address.split(':')[1]} ${weight}`);
  t.deepEqual(found('passing'), ['1 10', '5 10']);
  t.deepEqual(found('warning'), ['1 10', '2 3', '5 10']);
  t.deepEqual(found('any'), ['1 10', '2 3', '3 10', '4 10', '5 10']);
});

test('of several registrations with one address the one that was written last counts', (t) => {
  const at = (ID: string, ModifyIndex: number) => consulEntry(80, { service: { ID, ModifyIndex } });
  t.deepEqual(
    read([at('old', 5), at('new', 9), at('older', 3)]).instances.map(({ id }) => id),
    ['new'],
  );
});

test('an entry that cannot be read is named and costs no other', (t) => {
  const set = read([consulEntry(0), consulEntry(80), null, consulEntry(81, { service: { Address: 'no host' } })]);
  t.deepEqual(
    set.instances.map(({ address }) => address),
    ['127.0.0.1:80'],
  );
  t.deepEqual(
    set.bad.map(({ key }) => key),
    ['n1/i0', '?/?', 'n1/i81'],
  );
  t.regex(set.bad[0]?.problem ?? '', /no usable address: found .*"port":0/);
  t.is(set.node, 'n1');
});

test('a limit takes the first ones, in the order of the answer', (t) => {
  const set = read([consulEntry(3), consulEntry(1), consulEntry(2)], 'passing', 2);
  t.deepEqual(
    set.instances.map(({ id }) => id),
    ['i3', 'i1'],
  );
});

test('no list of whatever makes it throw', (t) => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (entries) => read(entries, 'any').instances.length <= entries.length),
  );
  t.deepEqual(readEntries('null', { health: 'any', limit: null, protocol: 'h2' }).instances, []);
});

const NOTHING = {
  host: null,
  tags: [],
  datacenter: null,
  near: null,
  filter: null,
  namespace: null,
  partition: null,
  health: null,
  consistency: null,
  limit: null,
};

test('a path is a name with parameters, or a URI', (t) => {
  const value = (path: string) => {
    const parsed = parseConsulPath(path);
    return parsed.ok ? parsed.value : parsed.problem;
  };
  t.deepEqual(value('book'), { ...NOTHING, service: 'book' });
  t.deepEqual(value('hello.service?tag=a&tag=b&dc=dc1&near=_agent'), {
    ...NOTHING,
    service: 'hello.service',
    tags: ['a', 'b'],
    datacenter: 'dc1',
    near: '_agent',
  });
  t.deepEqual(
    value('consul://h:80/hello.service?tag=x&healthy=true&near=_agent&dc=dc1&wait=14s&insecure=true&limit=3'),
    {
      ...NOTHING,
      host: 'h:80',
      service: 'hello.service',
      tags: ['x'],
      near: '_agent',
      datacenter: 'dc1',
      health: 'passing',
      limit: 3,
    },
  );
  t.deepEqual(value('consul://h/a%2Fb?healthy=false&require-consistent=true'), {
    ...NOTHING,
    host: 'h:8500',
    service: 'a/b',
    health: 'any',
    consistency: 'consistent',
  });
  t.deepEqual(value('consul:///book?stale'), { ...NOTHING, service: 'book', consistency: 'stale' });
});

test('a path that cannot be meant says why, and a secret in it is never repeated', (t) => {
  for (const [path, problem] of [
    ['', 'names no service'],
    ['/services/book/', 'names no service'],
    ['consul://h:8500', 'names no service'],
    ['?tag=x', 'names no service'],
    ['book?tga=x', 'has the unknown parameter tga'],
    ['book?healthy=yes', 'says healthy=yes'],
    ['book?limit=-1', 'says limit=-1'],
    ['book?token=hunter2', 'has the parameter token'],
    ['consul://me:hunter2@h/book', 'names a user'],
    ['consul://h o/book', 'has no host: h o'],
  ] as const) {
    const parsed = parseConsulPath(path);
    t.is(parsed.ok ? 'ok' : parsed.problem, problem);
    t.false(parsed.ok || parsed.hint === '' || parsed.hint.includes('hunter2'));
  }
});

test('a bucket lets two through at once, then one per refill, and saves up no more than two', async (t) => {
  const clock = manualClock();
  const bucket = new TokenBucket(2, 100, clock);
  const { signal } = new AbortController();
  let through = 0;
  const lane = (async () => {
    for (; through < 6; through++) await bucket.take(signal);
  })();
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  await settled();
  t.is(through, 2);
  clock.advance(99);
  await settled();
  t.is(through, 2);
  clock.advance(1);
  await settled();
  t.is(through, 3);
  clock.advance(10_000);
  await settled();
  t.is(through, 6, 'one that waited and two that were saved up');
  await lane;
  const aborted = AbortSignal.abort();
  await bucket.take(aborted);
  await bucket.take(aborted);
  t.is(clock.pending, 0);
});
