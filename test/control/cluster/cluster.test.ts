import test from 'ava';
import { Cluster, type ClusterChange } from '../../../src/control/cluster/cluster.ts';
import { TroubleLog } from '../../../src/control/cluster/trouble_log.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { recordingLog } from '../../support/recording_log.ts';
import { instanceOn, scriptedRegistry } from '../../support/scripted_registry.ts';

function start(emptyProtection = 0) {
  const registry = scriptedRegistry();
  const clock = manualClock(1_000);
  const log = recordingLog();
  const changes: ClusterChange[] = [];
  const query = { service: 'book', path: '/services/book/', format: 'auto' };
  const cluster = new Cluster(
    { registry, query, emptyProtection },
    { clock, log, trouble: new TroubleLog(log), changed: (change) => changes.push(change) },
  );
  const ports = () => cluster.membership.instances.map(({ address }) => Number(address.split(':')[1]));
  return { registry, clock, log, changes, cluster, ports };
}

const NONE = { added: [], changed: [], removed: [] };

test('the first answer makes the service known, also an empty one', (t) => {
  const { registry, changes, cluster } = start();
  t.deepEqual(cluster.membership, {
    name: 'book',
    known: false,
    stale: false,
    updatedAt: 0,
    instances: [],
    trouble: null,
  });
  registry.set('book', []);
  t.deepEqual(changes, [
    { name: 'book', known: true, stale: false, updatedAt: 1_000, instances: [], trouble: null, diff: NONE },
  ]);
});

test('a change is told with what it changed; the same set again only confirms', (t) => {
  const { registry, changes, cluster, clock } = start();
  registry.set('book', [instanceOn(1), instanceOn(2)]);
  clock.advance(500);
  registry.set('book', [instanceOn(2), instanceOn(1)]);
  t.is(changes.length, 1);
  t.is(cluster.membership.updatedAt, 1_500);
  registry.set('book', [instanceOn(2, { weight: 3 }), instanceOn(4)]);
  t.deepEqual(changes[1]?.diff, {
    added: [instanceOn(4)],
    changed: [instanceOn(2, { weight: 3 })],
    removed: [instanceOn(1)],
  });
  t.deepEqual(changes[1]?.instances, [instanceOn(2, { weight: 3 }), instanceOn(4)]);
});

test('an error makes the set stale and changes nothing else; the next answer ends that', (t) => {
  const { registry, changes, cluster, clock, log } = start();
  registry.set('book', [instanceOn(1)]);
  clock.advance(1_000);
  registry.fail('book', 'etcd_unavailable');
  registry.fail('book', 'etcd_unavailable');
  registry.fail('book', 'etcd_auth');
  t.deepEqual(cluster.membership, {
    name: 'book',
    known: true,
    stale: true,
    updatedAt: 1_000,
    instances: [instanceOn(1)],
    trouble: 'etcd_unavailable happened',
  });
  t.is(cluster.error?.code, 'etcd_auth');
  t.is(changes.length, 2);
  t.deepEqual(changes[1]?.diff, NONE);
  t.deepEqual(log.messages('warn'), ['etcd_unavailable happened', 'etcd_auth happened'], 'once per reason');
  registry.set('book', [instanceOn(1)]);
  t.false(cluster.membership.stale);
  t.is(cluster.error, null);
  t.is(changes.length, 3);
  t.deepEqual(log.messages('info'), ['The registry "main" answers again.']);
});

test('an error before the first answer leaves the service unknown, and is told once for requests that wait', (t) => {
  const { registry, changes, cluster } = start();
  registry.fail('book', 'etcd_unavailable');
  t.false(cluster.membership.known);
  t.is(cluster.error?.code, 'etcd_unavailable');
  registry.fail('book', 'etcd_unavailable');
  t.deepEqual(
    changes.map(({ known, trouble }) => ({ known, trouble })),
    [{ known: false, trouble: 'etcd_unavailable happened' }],
  );
});

test('a bad record is logged once, again when it says something else, and again when it comes back', (t) => {
  const { registry, log, cluster } = start();
  const bad = (problem: string) => [{ key: '/services/book/x', problem }];
  registry.set('book', [], bad('is odd'));
  registry.set('book', [], bad('is odd'));
  t.deepEqual(log.messages('warn'), ['The record at /services/book/x is odd. It is skipped.']);
  t.deepEqual(cluster.bad, bad('is odd'));
  registry.set('book', [], bad('is odder'));
  t.is(log.lines.length, 2);
  registry.set('book', []);
  registry.set('book', [], bad('is odder'));
  t.is(log.lines.length, 3);
  registry.set(
    'book',
    [],
    Array.from({ length: 1_000 }, (_, i) => ({ key: `k${i}`, problem: 'is odd' })),
  );
  t.is(log.lines.length, 3 + 21, 'a thousand bad records do not flood the log');
});

test('without protection an empty answer is believed at once', (t) => {
  const { registry, ports } = start(0);
  registry.set('book', [instanceOn(1)]);
  registry.set('book', []);
  t.deepEqual(ports(), []);
});

test('with protection an empty answer is believed when it has stood for the time', (t) => {
  const { registry, clock, ports, cluster, changes } = start(10_000);
  registry.set('book', [instanceOn(1)]);
  registry.set('book', []);
  clock.advance(6_000);
  registry.set('book', []);
  clock.advance(3_999);
  t.deepEqual(ports(), [1]);
  t.true(cluster.doubting);
  clock.advance(1);
  t.deepEqual(ports(), []);
  t.false(cluster.doubting);
  t.deepEqual(changes.at(-1)?.diff.removed, [instanceOn(1)]);
});

test('while an empty answer is doubted the set is stale, and it is said why', (t) => {
  const { registry, clock, cluster, changes } = start(10_000);
  const stands = () => [cluster.membership.stale, cluster.membership.trouble?.replace(/,.*/, '') ?? null];
  const doubted = [true, 'registry "main" says that all instances are gone'];
  registry.set('book', [instanceOn(1)]);
  clock.advance(1_000);
  registry.set('book', []);
  registry.set('book', []);
  t.deepEqual(stands(), doubted);
  t.is(cluster.membership.updatedAt, 1_000, 'the age is that of the set in use');
  t.deepEqual(changes[1]?.diff, NONE);
  t.is(changes.length, 2);
  registry.set('book', [instanceOn(1)]);
  t.deepEqual(stands(), [false, null]);

  registry.set('book', []);
  registry.fail('book', 'etcd_unavailable');
  t.true(cluster.membership.stale);
  t.notRegex(cluster.membership.trouble ?? '', /all instances are gone/);
  registry.set('book', []);
  t.deepEqual(stands(), doubted, 'an error that is over is not told any more');
  clock.advance(10_000);
  t.deepEqual(stands(), [false, null]);
});

test('with protection an answer or an error in between starts anew', (t) => {
  const { registry, clock, ports } = start(10_000);
  registry.set('book', [instanceOn(1)]);
  registry.set('book', []);
  clock.advance(9_000);
  registry.set('book', [instanceOn(2)]);
  t.deepEqual(ports(), [2]);
  clock.advance(20_000);
  t.deepEqual(ports(), [2]);
  registry.set('book', []);
  registry.fail('book', 'etcd_unavailable');
  clock.advance(20_000);
  t.deepEqual(ports(), [2]);
});

test('with protection the first answer may be empty, and a set may shrink to one', (t) => {
  const { registry, ports, cluster } = start(10_000);
  registry.set('book', []);
  t.true(cluster.membership.known);
  registry.set('book', [instanceOn(1), instanceOn(2)]);
  registry.set('book', [instanceOn(1)]);
  t.deepEqual(ports(), [1]);
});

test('a closed cluster tells nothing and leaves no timer', async (t) => {
  const { registry, clock, changes, cluster } = start(10_000);
  registry.set('book', [instanceOn(1)]);
  const { listener } = registry.watches.get('book') as NonNullable<ReturnType<typeof registry.watches.get>>;
  registry.set('book', []);
  await cluster.close();
  listener.set({ instances: [], bad: [] });
  t.is(changes.length, 2, 'the set, and that it is doubted');
  t.is(clock.pending, 0);
  t.is(registry.watches.size, 0);
});
