import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../src/base/clock.ts';
import { Keeper } from '../../../src/control/registration/keeper.ts';
import { openWriter } from '../../../src/control/registration/open_writer.ts';
import type { Registration } from '../../../src/control/registration/registration.ts';
import { openRegistry } from '../../../src/control/registries/open.ts';
import { FORMAT_NAMES, WRITERS } from '../../../src/control/registries/records/formats.ts';
import { type EtcdServer, startEtcd } from '../../support/etcd.ts';
import { eventually } from '../../support/eventually.ts';
import { recordingListener } from '../../support/recording_listener.ts';
import { type RecordingLog, recordingLog } from '../../support/recording_log.ts';
import { present } from '../../support/requires.ts';
import { startTcpProxy } from '../../support/tcp_proxy.ts';

const PATH = '/services/app/';

function registration(more: Partial<Registration> = {}): Registration {
  return {
    service: 'app',
    id: 'app-1',
    address: '10.0.0.5:8089',
    version: 'v2',
    weight: 3,
    zone: 'a',
    metadata: { team: 'books' },
    path: PATH,
    format: 'outrigger',
    ttlMs: 2_000,
    ...more,
  };
}

interface World {
  readonly etcd: EtcdServer;
  readonly log: RecordingLog;
  /** The values under the path. */
  values(): Promise<string[]>;
  keep(more?: Partial<Registration>, options?: { endpoint?: string; passing?: boolean }): Keeper;
}

async function withEtcd(run: (world: World) => Promise<void>): Promise<void> {
  const etcd = await startEtcd();
  const log = recordingLog();
  const keepers: Keeper[] = [];
  const world: World = {
    etcd,
    log,
    values: async () => Object.values(await etcd.list(PATH)),
    keep(more = {}, { endpoint = etcd.endpoint, passing = true } = {}) {
      const record = registration(more);
      const keeper = new Keeper(
        { registration: record, registry: 'main', passing },
        {
          clock: systemClock,
          log,
          writer: (lost) =>
            openWriter('main', { type: 'etcd', endpoints: [endpoint] }, record, { timeout: 1_000, lost }, systemClock),
        },
      );
      keepers.push(keeper);
      return keeper;
    },
  };
  try {
    await run(world);
  } finally {
    await Promise.all(keepers.map((keeper) => keeper.stop()));
    await etcd.stop();
  }
}

const registered = (keeper: Keeper): Promise<unknown> => eventually(() => keeper.state === 'registered', 30_000);
const there = (world: World): Promise<unknown> => eventually(async () => (await world.values()).length === 1, 30_000);
const gone = (world: World): Promise<unknown> => eventually(async () => (await world.values()).length === 0, 30_000);

function etcdTest(title: string, run: (t: ExecutionContext, world: World) => Promise<void>): void {
  if (present('etcd')) test(title, async (t) => await withEtcd((world) => run(t, world)));
  else test.skip(title, () => {});
}

etcdTest('an app is registered only while its health check passes', async (t, world) => {
  const keeper = world.keep({}, { passing: false });
  keeper.health(true, 'passes');
  await there(world);
  // It may be there, and etcd's answer late.
  await registered(keeper);
  t.is(keeper.reason, null);
  keeper.health(false, 'connection refused');
  await gone(world);
  await eventually(() => keeper.state === 'waiting');
  t.is(keeper.reason, 'health check: connection refused');
  keeper.health(true, 'passes');
  await there(world);
  await registered(keeper);
});

etcdTest('the record outlives many TTLs, on one lease', async (t, world) => {
  const keeper = world.keep({ ttlMs: 1_000 });
  await registered(keeper);
  const since = keeper.since;
  const leases = await world.etcd.leases();
  t.is(leases.length, 1);
  await eventually(async () => Date.now() - since > 4_000 && (await world.values()).length === 1, 20_000);
  t.deepEqual(await world.etcd.leases(), leases);
  t.is(keeper.since, since);
});

etcdTest('a revoked lease, a deleted key: the record is put back, with one lease', async (t, world) => {
  const keeper = world.keep();
  await registered(keeper);
  const [lease = ''] = await world.etcd.leases();
  await world.etcd.revoke(lease);
  await there(world);
  await registered(keeper);
  await world.etcd.delete(keeper.place);
  await there(world);
  await registered(keeper);
  await eventually(async () => (await world.etcd.leases()).length === 1);
  t.true(world.log.messages('warn').some((message) => message.includes('was lost and is put back')));
});

etcdTest('a deletion is heard of at once, long before the next refresh', async (t, world) => {
  const keeper = world.keep({ ttlMs: 600_000 });
  await registered(keeper);
  // The watch opens after the record was written: a deletion before that is found by the refresh.
  await eventually(async () => {
    await world.etcd.delete(keeper.place);
    return keeper.state !== 'registered';
  }, 30_000);
  await there(world);
  await registered(keeper);
  t.is((await world.values()).length, 1);
});

etcdTest('a record that somebody else wrote over is put back, in its turn', async (t, world) => {
  const keeper = world.keep();
  await registered(keeper);
  const [own = ''] = await world.values();
  await world.etcd.put(keeper.place, 'theirs');
  await eventually(async () => (await world.values())[0] === own, 30_000);
  await registered(keeper);
  t.deepEqual(await world.values(), [own]);
});

etcdTest('an etcd that comes back empty gets the record back', async (t, world) => {
  const keeper = world.keep();
  await registered(keeper);
  await world.etcd.wipe();
  await there(world);
  await registered(keeper);
  t.is((await world.etcd.leases()).length, 1);
});

etcdTest('a partition longer than the TTL: gone meanwhile, back afterwards', async (t, world) => {
  const proxy = await startTcpProxy(world.etcd.port);
  const keeper = world.keep({ ttlMs: 1_000 }, { endpoint: `http://127.0.0.1:${proxy.port}` });
  try {
    await registered(keeper);
    proxy.cut();
    await gone(world);
    await eventually(() => keeper.state === 'registering', 30_000);
    t.regex(keeper.reason ?? '', /etcd/);
    proxy.mend();
    await there(world);
    await registered(keeper);
  } finally {
    await keeper.stop();
    await proxy.close();
  }
});

etcdTest('an etcd that is away at the start is tried until it is there, and said once', async (t, world) => {
  await world.etcd.kill();
  const keeper = world.keep();
  await eventually(() => keeper.state === 'registering' && keeper.reason !== null, 30_000);
  await world.etcd.restart();
  await there(world);
  await registered(keeper);
  t.is(world.log.messages('warn').length, 1, world.log.messages('warn').join('\n'));
});

etcdTest('stop takes the record and its lease out before it resolves', async (t, world) => {
  const keeper = world.keep();
  await registered(keeper);
  await keeper.stop();
  t.deepEqual(await world.values(), []);
  t.deepEqual(await world.etcd.leases(), []);
  t.is(keeper.state, 'removed');
});

etcdTest('stop while etcd is away ends soon, and says what becomes of the record', async (t, world) => {
  const keeper = world.keep();
  await registered(keeper);
  await world.etcd.kill();
  const startedAt = Date.now();
  await keeper.stop();
  t.true(Date.now() - startedAt < 20_000);
  t.true(world.log.messages('warn').some((message) => message.includes('runs out with its TTL')));
});

etcdTest('a record that somebody else has put in its place is left alone by stop', async (t, world) => {
  const keeper = world.keep({ ttlMs: 60_000 });
  await registered(keeper);
  await world.etcd.put(keeper.place, 'theirs');
  await keeper.stop();
  t.deepEqual(await world.values(), ['theirs']);
});

etcdTest('what is written in each format is read back by our own reader', async (t, world) => {
  const formats = Object.keys(WRITERS);
  t.deepEqual(formats.sort(), FORMAT_NAMES.filter((name) => name !== 'auto').sort());
  for (const format of formats) {
    const keeper = world.keep({ format, ttlMs: 60_000 });
    await registered(keeper);
    const registry = await openRegistry('main', { type: 'etcd', endpoints: [world.etcd.endpoint] });
    const listener = recordingListener();
    registry.watch({ service: 'app', path: PATH, format }, listener);
    await eventually(() => listener.addresses()?.join() === '10.0.0.5:8089', 20_000).catch((error: unknown) => {
      throw new Error(`${format}: ${JSON.stringify(listener.answers.at(-1))}`, { cause: error });
    });
    t.deepEqual(listener.answers.at(-1)?.bad, [], format);
    await registry.close();
    await keeper.stop();
  }
});
