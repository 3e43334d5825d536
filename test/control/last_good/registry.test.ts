import test from 'ava';
import { Cluster, type ClusterChange } from '../../../src/control/cluster/cluster.ts';
import { TroubleLog } from '../../../src/control/cluster/trouble_log.ts';
import { withLastGood } from '../../../src/control/last_good/registry.ts';
import { LastGoodStore } from '../../../src/control/last_good/store.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { recordingLog } from '../../support/recording_log.ts';
import { instanceOn, scriptedRegistry } from '../../support/scripted_registry.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

const QUERY = { service: 'book', path: '/services/book/', format: 'auto' };
const DAY = 86_400_000;

/** A process: a registry that a test plays, remembered in `directory`. */
function start(directory: string, { now = Date.UTC(2026, 0, 1), emptyProtection = 0 } = {}) {
  const clock = manualClock(now);
  const log = recordingLog();
  const store = new LastGoodStore(directory, clock, log);
  const scripted = scriptedRegistry();
  const changes: ClusterChange[] = [];
  const cluster = new Cluster(
    { registry: withLastGood(scripted, store, clock, emptyProtection), query: QUERY, emptyProtection },
    { clock, log, trouble: new TroubleLog(log), changed: (change) => changes.push(change) },
  );
  const stop = async (): Promise<void> => {
    await cluster.close();
    await store.flush();
  };
  return { clock, log, store, scripted, changes, cluster, stop };
}

async function remembered(emptyProtection = 0): Promise<string> {
  const directory = temporaryDirectory();
  const first = start(directory, { emptyProtection });
  first.scripted.set('book', [instanceOn(1), instanceOn(2)]);
  await first.stop();
  return directory;
}

const ports = (cluster: Cluster): string =>
  cluster.membership.instances.map(({ address }) => address.split(':')[1]).join();

test('a start while the registry is away uses the last good set, stale and with its age; its first answer is compared with it', async (t) => {
  const directory = await remembered();
  const { scripted, cluster, changes, clock, log, stop } = start(directory, { now: Date.UTC(2026, 0, 2) });
  scripted.fail('book', 'etcd_unavailable');
  await eventually(() => cluster.membership.known);
  t.is(ports(cluster), '1,2');
  t.true(cluster.membership.stale);
  t.is(clock.now() - cluster.membership.updatedAt, DAY);
  t.regex(cluster.membership.trouble ?? '', /etcd_unavailable/);
  t.is(log.messages('warn').length, 1);

  scripted.set('book', [instanceOn(2), instanceOn(3)]);
  t.is(ports(cluster), '2,3');
  t.false(cluster.membership.stale);
  t.is(cluster.membership.updatedAt, clock.now());
  const { added, removed, changed } = changes.at(-1)?.diff ?? { added: [], removed: [], changed: [] };
  t.deepEqual(
    [added, removed, changed].map((list) => list.length),
    [1, 1, 0],
  );
  await stop();
});

test('a registry that says nothing is waited for a second, then the last good set is used', async (t) => {
  const { scripted, cluster, clock, stop } = start(await remembered());
  clock.advance(999);
  t.false(cluster.membership.known);
  clock.advance(1);
  await eventually(() => cluster.membership.known);
  t.is(ports(cluster), '1,2');
  t.true(cluster.membership.stale);
  scripted.set('book', [instanceOn(1)]);
  t.false(cluster.membership.stale);
  await stop();
});

test('a registry that answers is believed, and the file not even read', async (t) => {
  const { scripted, cluster, clock, changes, stop } = start(await remembered());
  scripted.set('book', [instanceOn(9)]);
  clock.advance(5_000);
  await Promise.resolve();
  t.is(ports(cluster), '9');
  t.is(changes.length, 1);
  await stop();
});

test('without a set on disk the trouble is told as it is', async (t) => {
  const { scripted, cluster, stop } = start(temporaryDirectory());
  scripted.fail('book', 'etcd_unavailable');
  await eventually(() => cluster.membership.trouble !== null);
  t.false(cluster.membership.known);
  t.false(cluster.membership.stale);
  await stop();
});

test('a set that was confirmed until the end has the age of the end', async (t) => {
  const directory = temporaryDirectory();
  const first = start(directory);
  first.scripted.set('book', [instanceOn(1)]);
  await first.store.flush();
  first.clock.advance(DAY);
  await first.stop();
  const second = start(directory, { now: first.clock.now() + 5_000 });
  second.scripted.fail('book', 'etcd_unavailable');
  await eventually(() => second.cluster.membership.known);
  t.is(second.clock.now() - second.cluster.membership.updatedAt, 5_000);
  await second.stop();
});

test('an empty set that is doubted does not replace the one on disk', async (t) => {
  const directory = await remembered(60_000);
  const first = start(directory, { emptyProtection: 60_000 });
  first.scripted.set('book', [instanceOn(1), instanceOn(2)]);
  first.scripted.set('book', []);
  await first.stop();
  const second = start(directory);
  second.scripted.fail('book', 'etcd_unavailable');
  await eventually(() => second.cluster.membership.known);
  t.is(ports(second.cluster), '1,2');
  await second.stop();
});
