import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import test from 'ava';
import type { ClusterChange } from '../../src/control/cluster/cluster.ts';
import { diff } from '../../src/control/cluster/diff.ts';
import { CounterArena } from '../../src/control/counters.ts';
import { Feed } from '../../src/control/feed.ts';
import { type Range, SERVICE, VERSION } from '../../src/model/counters.ts';
import { DRAIN_LIMIT, type Instance } from '../../src/model/instance.ts';
import type { ToDataThread, VersionRanges } from '../../src/model/snapshot.ts';
import { manualClock } from '../support/manual_clock.ts';
import { SETTINGS } from '../support/service_settings.ts';

const MINUTE = 60_000;

function instance(address: string, version: string | null): Instance {
  return { id: address, address, version, weight: 1, zone: null, metadata: {} };
}

/** A feed with one service, `book`, and one data thread that lets go of instances at once. */
function setUp() {
  const clock = manualClock();
  const arena = new CounterArena(1);
  const sent: ToDataThread[] = [];
  const feed = new Feed({ arena, clock, broadcast: (message) => sent.push(message), running: () => [] });
  let before: readonly Instance[] = [];
  feed.add('book', SETTINGS, 'auto');
  const set = (...instances: Instance[]): void => {
    const change: ClusterChange = {
      name: 'book',
      known: true,
      stale: false,
      trouble: null,
      updatedAt: clock.now(),
      instances,
      diff: diff(before, instances),
    };
    before = instances;
    feed.change(change);
  };
  const versions = (): VersionRanges => feed.get('book')?.versions ?? {};
  /** As a data thread would. */
  const count = (range: Range, slot: number, n: number): void => {
    const view = new Float64Array(arena.segments(0)[range.segment] as SharedArrayBuffer);
    view[range.offset + slot] = (view[range.offset + slot] as number) + n;
  };
  /** Whether a range has been given back: the next one of its size is it. */
  const isFree = (range: Range, slots: number): boolean => {
    const next = arena.allocate(slots);
    arena.release(next);
    return next.segment === range.segment && next.offset === range.offset;
  };
  return { clock, arena, sent, feed, set, versions, count, isFree };
}

test('a version that nobody has keeps its counters for longer than an instance may drain, and then gives them back', (t) => {
  const { clock, set, versions, isFree } = setUp();
  set(instance('a:1', 'v1'), instance('b:1', 'v2'));
  const range = versions().v1 as Range;
  set(instance('b:1', 'v2'));
  clock.advance(DRAIN_LIMIT);
  t.deepEqual(versions().v1, range);
  t.false(isFree(range, VERSION.SLOTS));
  clock.advance(2 * MINUTE);
  t.deepEqual(Object.keys(versions()), ['', 'v2']);
  t.true(isFree(range, VERSION.SLOTS));
});

test('a version that returns and leaves again has its time from when it left last', (t) => {
  const { clock, set, versions } = setUp();
  set(instance('a:1', 'v1'));
  const range = versions().v1 as Range;
  set();
  clock.advance(9 * MINUTE);
  set(instance('a:1', 'v1'));
  t.deepEqual(versions().v1, range);
  clock.advance(MINUTE);
  set();
  clock.advance(DRAIN_LIMIT); // 20 minutes after it left first
  t.deepEqual(versions().v1, range);
  clock.advance(2 * MINUTE);
  t.is(versions().v1, undefined);
});

test('a version that returned stays, however long ago it left', (t) => {
  const { clock, set, versions } = setUp();
  set(instance('a:1', 'v1'));
  set();
  clock.advance(MINUTE);
  set(instance('b:1', 'v1'));
  clock.advance(60 * MINUTE);
  t.truthy(versions().v1);
  t.is(clock.pending, 0);
});

test('versions that come and go do not add up', (t) => {
  const { clock, arena, set, versions } = setUp();
  for (let release = 0; release < 2_000; release++) {
    set(instance('a:1', `v${release}`));
    clock.advance(20 * MINUTE);
  }
  t.deepEqual(Object.keys(versions()), ['', 'v1999']);
  t.is(arena.segments(0).length, 1);
});

test('versions named like members of every object have counters of their own, in every thread', (t) => {
  const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'];
  const { sent, feed, set, versions, clock } = setUp();
  set(...names.map((name, i) => instance(`a:${i + 1}`, name)));
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(sent.at(-1));
  const { message } = receiveMessageOnPort(port2) as { message: Extract<ToDataThread, { kind: 'service' }> };
  port1.close();
  for (const ranges of [versions(), message.snapshot.versions]) {
    const found = names.map((name) => (Object.hasOwn(ranges, name) ? ranges[name] : undefined));
    t.true(found.every((range) => Number.isInteger(range?.segment) && Number.isInteger(range?.offset)));
    t.is(new Set(found.map((range) => `${range?.segment}:${range?.offset}`)).size, names.length);
  }
  for (const name of names) t.deepEqual(message.snapshot.versions[name], versions()[name]);
  set(instance('a:1', 'constructor'));
  clock.advance(60 * MINUTE);
  t.deepEqual(Object.keys(versions()), ['', 'constructor']);
  t.is(feed.snapshots()[0]?.versions.toString, undefined);
});

test('a dropped service keeps its counters until the last request in it has ended, however long that takes', (t) => {
  const { clock, feed, set, count, isFree, versions } = setUp();
  set(instance('a:1', 'v1'));
  const counters = feed.get('book')?.counters as Range;
  const version = versions().v1 as Range;
  count(counters, SERVICE.IN_FLIGHT, 1);
  feed.drop('book');
  t.is(feed.get('book'), undefined);
  clock.advance(3 * DRAIN_LIMIT);
  t.false(isFree(counters, SERVICE.SLOTS));
  t.false(isFree(version, VERSION.SLOTS));
  count(counters, SERVICE.IN_FLIGHT, -1);
  clock.advance(MINUTE);
  t.false(isFree(counters, SERVICE.SLOTS), 'what ended just now may be counted in a moment');
  clock.advance(2 * MINUTE);
  t.true(isFree(counters, SERVICE.SLOTS));
  t.true(isFree(version, VERSION.SLOTS));
  t.is(clock.pending, 0);
});

test('services that lead nowhere, one after the other, do not add up', (t) => {
  const { clock, arena, feed } = setUp();
  for (let i = 0; i < 500; i++) {
    feed.add(`made-up-${i}`, SETTINGS, 'auto');
    feed.drop(`made-up-${i}`);
    clock.advance(5 * MINUTE);
  }
  t.is(arena.segments(0).length, 1);
  t.is(clock.pending, 0);
});

test('a service that is dropped and comes back starts anew: clocks of before do not touch its versions', (t) => {
  const { clock, feed, set, versions } = setUp();
  set(instance('a:1', 'v1'));
  set();
  clock.advance(5 * MINUTE);
  feed.drop('book');
  feed.add('book', SETTINGS, 'auto');
  set(instance('a:1', 'v1'));
  const range = versions().v1 as Range;
  set();
  clock.advance(9 * MINUTE);
  t.deepEqual(versions().v1, range);
});
