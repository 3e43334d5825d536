import test from 'ava';
import fc from 'fast-check';
import { Coalescer } from '../../../src/control/registries/coalesce.ts';
import { etcdError } from '../../../src/control/registries/etcd/errors.ts';
import { belongsTo, rangeEnd, rangeOf } from '../../../src/control/registries/etcd/keys.ts';
import { RecordSet } from '../../../src/control/registries/etcd/record_set.ts';
import { Gate } from '../../../src/control/registries/gate.ts';
import { findFormat } from '../../../src/control/registries/records/formats.ts';
import type { RecordFormat } from '../../../src/control/registries/records/record.ts';
import { manualClock } from '../../support/manual_clock.ts';

const AUTO = findFormat('auto') as RecordFormat;
const POLICY = { initial: 100, multiplier: 2, jitter: 0, max: 1_000 };

test('a range holds exactly the keys with its prefix', (t) => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(bytes, bytes, (prefix, key) => {
      const end = rangeEnd(prefix);
      const toTheEnd = end.equals(Buffer.of(0));
      const inRange = key.compare(prefix) >= 0 && (toTheEnd || key.compare(end) < 0);
      return inRange === key.subarray(0, prefix.length).equals(prefix);
    }),
  );
  t.deepEqual(rangeEnd(Buffer.from('/a/')), Buffer.from('/a0'));
  t.deepEqual(rangeEnd(Buffer.of(1, 0xff)), Buffer.of(2));
});

test('the range of no prefix is every key, written as etcd wants it', (t) => {
  t.deepEqual(rangeOf('/a/'), { key: Buffer.from('/a/'), end: Buffer.from('/a0') });
  t.deepEqual(rangeOf(''), { key: Buffer.of(0), end: Buffer.of(0) });
});

test('a path that is a name does not find keys of a longer name', (t) => {
  t.true(belongsTo('/services/book/1', '/services/book'));
  t.true(belongsTo('/services/book', '/services/book'));
  t.false(belongsTo('/services/bookstore/1', '/services/book'));
  t.false(belongsTo('/services/book-2/1', '/services/book'));
  t.true(belongsTo('/services/book-2', '/services/book-'));
  t.true(belongsTo('/services/book/1', '/services/book/'));
});

test('of several records with one address the one written last counts', (t) => {
  const set = new RecordSet('p/', AUTO);
  const record = (version: string) => `{"node":{"address":"127.0.0.1:1","version":"${version}"}}`;
  set.replace([
    { key: 'p/new', value: record('new'), revision: 10n },
    { key: 'p/old', value: record('old'), revision: 9n },
  ]);
  t.deepEqual(
    set.answer().instances.map(({ version }) => version),
    ['new'],
  );
  t.true(set.apply([{ key: 'p/old', value: record('newest'), revision: 11n }]));
  t.is(set.answer().instances[0]?.version, 'newest');
  t.true(set.apply([{ key: 'p/old', value: null, revision: 12n }]));
  t.is(set.answer().instances[0]?.version, 'new');
});

test('a change that is older than the record known is skipped', (t) => {
  const set = new RecordSet('p/', AUTO);
  set.replace([{ key: 'p/a', value: '127.0.0.1:1', revision: 10n }]);
  t.false(set.apply([{ key: 'p/a', value: null, revision: 10n }]));
  t.false(set.apply([{ key: 'p/unknown', value: null, revision: 11n }]));
  t.is(set.answer().instances.length, 1);
});

test('a listing counts also where its revisions are known: an etcd that lost its data counts from one again', (t) => {
  const set = new RecordSet('p/', AUTO);
  set.replace([{ key: 'p/1', value: '127.0.0.1:1', revision: 5n }]);
  set.replace([{ key: 'p/1', value: '127.0.0.1:2', revision: 5n }]);
  t.deepEqual(
    set.answer().instances.map(({ address }) => address),
    ['127.0.0.1:2'],
  );
  t.true(set.apply([{ key: 'p/1', value: '127.0.0.1:3', revision: 6n }]));
});

test('a record that becomes unreadable keeps its instance until it is readable again or deleted', (t) => {
  const set = new RecordSet('p/', AUTO);
  set.replace([{ key: 'p/a', value: '127.0.0.1:1', revision: 1n }]);
  set.apply([{ key: 'p/a', value: 'garbage', revision: 2n }]);
  t.deepEqual([set.answer().instances.length, set.answer().bad.length], [1, 1]);
  set.replace([{ key: 'p/a', value: 'more garbage', revision: 3n }]);
  t.deepEqual([set.answer().instances.length, set.answer().bad.length], [1, 1]);
  set.apply([{ key: 'p/a', value: null, revision: 4n }]);
  const { instances, bad } = set.answer();
  t.deepEqual({ instances, bad }, { instances: [], bad: [] });
});

test('every record is shown with the format it was read as, also those that another one with the same address outdoes', (t) => {
  const set = new RecordSet('p/', AUTO);
  const { records = () => [] } = set.answer();
  set.replace([
    { key: 'p/a', value: '127.0.0.1:1', revision: 1n },
    { key: 'p/b', value: '{"Op":0,"Addr":"127.0.0.1:1"}', revision: 2n },
    { key: 'p/c', value: '{"Op":1,"Addr":"127.0.0.1:2"}', revision: 3n },
    { key: 'p/d', value: 'garbage', revision: 4n },
  ]);
  t.is(set.answer().instances.length, 1);
  t.deepEqual(
    records().map(({ key, format, instances, problem }) => [key, format, instances.length, problem === null]),
    [
      ['p/a', 'plain', 1, true],
      ['p/b', 'grpc', 1, true],
      ['p/c', 'grpc', 0, true],
      ['p/d', null, 0, false],
    ],
  );
});

test('a record with several endpoints gives the one of the protocol that the query asks for', (t) => {
  const value = '{"id":"1","name":"p","endpoints":["http://127.0.0.1:80","grpc://127.0.0.1:90"]}';
  const addresses = (['h2', 'http/1.1'] as const).map((protocol) => {
    const set = new RecordSet('p/', AUTO, protocol);
    set.replace([{ key: 'p/1', value, revision: 1n }]);
    return set.answer().instances.map(({ address }) => address);
  });
  t.deepEqual(addresses, [['127.0.0.1:90'], ['127.0.0.1:80']]);
});

test('the first change is told at once, and those that follow together', (t) => {
  const clock = manualClock();
  let runs = 0;
  const coalescer = new Coalescer(20, clock, () => runs++);
  coalescer.touch();
  t.is(runs, 1);
  for (let i = 0; i < 100; i++) coalescer.touch();
  t.is(runs, 1);
  clock.advance(20);
  t.is(runs, 2);
  coalescer.touch();
  coalescer.settle();
  t.is(runs, 3);
  coalescer.settle();
  t.is(runs, 3);
  clock.advance(100);
  t.is(runs, 3);
  t.is(clock.pending, 0);
  coalescer.touch();
  coalescer.touch();
  coalescer.stop();
  clock.advance(100);
  t.is(runs, 4);
});

test('at the gate one after the other is let through, ever more slowly, until it opens for all', async (t) => {
  const clock = manualClock();
  const gate = new Gate(POLICY, clock);
  const { signal } = new AbortController();
  const passed: number[] = [];
  const wait = (n: number): Promise<void> => gate.pass(signal).then(() => void passed.push(n));
  const all = [1, 2, 3, 4].map(wait);
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await new Promise(setImmediate);
  };
  await advance(100);
  t.deepEqual(passed, [1]);
  await advance(199);
  t.deepEqual(passed, [1]);
  await advance(1);
  t.deepEqual(passed, [1, 2]);
  gate.open();
  await Promise.all(all);
  t.deepEqual(passed, [1, 2, 3, 4]);
  t.is(clock.pending, 0);
  const again = wait(5);
  await advance(100);
  await again;
});

test('who gives up at the gate leaves no timer', async (t) => {
  const clock = manualClock();
  const gate = new Gate(POLICY, clock);
  const leaving = new AbortController();
  const waiting = gate.pass(leaving.signal);
  leaving.abort();
  await waiting;
  await gate.pass(leaving.signal);
  t.is(clock.pending, 0);
});

const ERRORS: readonly [message: string, code: string, told?: string][] = [
  ['3 INVALID_ARGUMENT: etcdserver: authentication failed, invalid user ID or password', 'etcd_auth'],
  ['3 INVALID_ARGUMENT: etcdserver: user name is empty', 'etcd_auth'],
  ['16 UNAUTHENTICATED: etcdserver: invalid auth token', 'etcd_auth'],
  ['7 PERMISSION_DENIED: etcdserver: permission denied', 'etcd_permission'],
  [
    '14 UNAVAILABLE: No connection established. Last error: Error: self-signed certificate',
    'etcd_tls',
    'self-signed certificate',
  ],
  [
    '14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1',
    'etcd_unavailable',
    'connect ECONNREFUSED 127.0.0.1:1',
  ],
  ['14 UNAVAILABLE: etcdserver: no leader', 'etcd_unavailable'],
  ['4 DEADLINE_EXCEEDED: Deadline exceeded after 5s', 'etcd_timeout'],
  ['something else', 'etcd_failed'],
];

for (const [message, code, told = message] of ERRORS) {
  test(`${code}: ${message}`, (t) => {
    const error = etcdError(new Error(message), 'main', ['http://127.0.0.1:2379'], 'listing /services/book/');
    t.is(error.code, code);
    t.is(error.message, `registry "main" (etcd at http://127.0.0.1:2379): listing /services/book/: ${told}`);
    t.truthy(error.hint);
  });
}
