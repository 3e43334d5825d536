import test from 'ava';
import { diff } from '../../src/control/cluster/diff.ts';
import { CounterArena } from '../../src/control/counters.ts';
import { Feed } from '../../src/control/feed.ts';
import { NO_RANGE } from '../../src/model/counters.ts';
import type { Instance } from '../../src/model/instance.ts';
import type { ServiceSnapshot, ToDataThread } from '../../src/model/snapshot.ts';
import { manualClock } from '../support/manual_clock.ts';
import { SETTINGS } from '../support/service_settings.ts';

const instance = (index: number, weight = 1): Instance => {
  const address = `10.0.0.${index}:80`;
  return { id: address, address, version: null, weight, zone: null, metadata: {} };
};

/** A feed with one service, and what a data thread makes of what it is told. */
function setUp(subset: number | null, sidecar = 'pod-1') {
  const clock = manualClock();
  const arena = new CounterArena(1);
  const known = new Set<string>();
  const messages: ServiceSnapshot[] = [];
  const broadcast = (message: ToDataThread): void => {
    if (message.kind !== 'service') return;
    messages.push(message.snapshot);
    if (message.snapshot.full) known.clear();
    // As a data thread does it: who leaves and is told of again at once would lose its connections.
    for (const address of message.snapshot.remove) known.delete(address);
    for (const { address, counters } of message.snapshot.upsert) {
      if (counters.segment === NO_RANGE.segment) throw new Error(`${address} has no counters`);
      known.add(address);
    }
  };
  const feed = new Feed({ arena, clock, broadcast, running: () => [], sidecar });
  feed.add('book', { ...SETTINGS, subset }, 'auto');
  let before: readonly Instance[] = [];
  const set = (...instances: Instance[]): void => {
    feed.change({
      name: 'book',
      known: true,
      stale: false,
      trouble: null,
      updatedAt: 1,
      instances,
      diff: diff(before, instances),
    });
    before = instances;
  };
  const spare = (): string[] =>
    Array.from(feed.get('book')?.instances.values() ?? [])
      .filter(({ counters }) => counters === NO_RANGE)
      .map(({ address }) => address);
  return { feed, arena, known, messages, set, spare };
}

const fleet = (count: number): Instance[] => Array.from({ length: count }, (_, index) => instance(index));

test('data threads hear of the subset only; whoever looks from outside sees all', (t) => {
  const { feed, known, set, spare } = setUp(3);
  set(...fleet(20));
  t.is(known.size, 3);
  t.is(feed.get('book')?.instances.size, 20);
  t.is(spare().length, 17);
  t.is(feed.snapshots()[0]?.upsert.length, 3);
});

test('another sidecar has another part', (t) => {
  const [a, b] = [setUp(3, 'pod-1'), setUp(3, 'pod-2')];
  for (const { set } of [a, b]) set(...fleet(50));
  t.notDeepEqual([...a.known].sort(), [...b.known].sort());
});

test('a spare one takes the place of one that leaves, and that is all that is told', (t) => {
  const { known, messages, set } = setUp(3);
  set(...fleet(20));
  const before = new Set(known);
  const [gone] = known as unknown as [string];
  set(...fleet(20).filter(({ address }) => address !== gone));
  const last = messages.at(-1) as ServiceSnapshot;
  t.deepEqual([last.upsert.length, last.remove], [1, [gone]]);
  t.is([...before].filter((address) => known.has(address)).length, 2);
  t.is(known.size, 3);
});

test('a spare one that changes or leaves is told to nobody', (t) => {
  const { known, messages, set, spare } = setUp(3);
  set(...fleet(20));
  const [other] = spare();
  set(...fleet(20).map((one) => (one.address === other ? { ...one, zone: 'b' } : one)));
  set(...fleet(20).filter(({ address }) => address !== other));
  for (const { upsert, remove } of messages.slice(-2)) t.deepEqual([upsert, remove], [[], []]);
  t.is(known.size, 3);
});

test('one that loses its weight gives its place to another one, and comes back with it', (t) => {
  const { known, set } = setUp(3);
  set(...fleet(20));
  const before = [...known].sort();
  const [light] = before;
  set(...fleet(20).map((one) => (one.address === light ? { ...one, weight: 0 } : one)));
  t.false(known.has(light as string));
  t.is(known.size, 3);
  set(...fleet(20));
  t.deepEqual([...known].sort(), before);
});

test('another number, or none, holds at once', (t) => {
  const { feed, known, set } = setUp(3);
  set(...fleet(20));
  const before = [...known];
  feed.configure('book', { ...SETTINGS, subset: 5 }, 'auto');
  t.is(known.size, 5);
  t.true(before.every((address) => known.has(address)));
  feed.configure('book', { ...SETTINGS, subset: null }, 'auto');
  t.is(known.size, 20);
  feed.configure('book', { ...SETTINGS, subset: 3 }, 'auto');
  t.deepEqual([...known].sort(), before.sort());
});

test('what a check says of a spare one is kept until it is needed', (t) => {
  const { feed, messages, set, spare } = setUp(3);
  set(...fleet(20));
  const [other] = spare() as [string];
  const told = messages.length;
  feed.setHealth('book', new Map([[other, { healthy: false, unhealthyReason: 'ill' }]]));
  t.is(messages.length, told);
  t.is(feed.get('book')?.instances.get(other)?.healthy, false);
  feed.configure('book', { ...SETTINGS, subset: null }, 'auto');
  t.is(messages.at(-1)?.upsert.find(({ address }) => address === other)?.healthy, false);
});

test('counters are given back: instances that come and go, and change places, do not add up', (t) => {
  const { arena, feed, set } = setUp(3);
  // A segment has room for some 400 instances; 200 rounds would need thousands.
  for (let round = 0; round < 200; round++) {
    set(...fleet(20).slice(round % 7));
    for (const subset of [null, 2, 9, 3]) feed.configure('book', { ...SETTINGS, subset }, 'auto');
    set();
  }
  t.is(arena.segments(0).length, 1);
});
