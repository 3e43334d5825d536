import test from 'ava';
import type { ServiceHealthOptions } from '../../../src/config/health_options.ts';
import type { ClusterChange } from '../../../src/control/cluster/cluster.ts';
import { diff } from '../../../src/control/cluster/diff.ts';
import { ActiveHealth } from '../../../src/control/health/active.ts';
import { answering, type ProbeResult } from '../../../src/control/health/probes/probe.ts';
import { Turns } from '../../../src/control/health/turns.ts';
import { type Instance, parseAddress } from '../../../src/model/instance.ts';
import type { HealthReport } from '../../../src/model/snapshot.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { recordingLog } from '../../support/recording_log.ts';
import { instanceOn } from '../../support/scripted_registry.ts';

const OPTIONS: ServiceHealthOptions = {
  check: { kind: 'tcp' },
  interval: 1_000,
  timeout: 100,
  rise: 1,
  fall: 2,
  port: null,
  secure: false,
  keep: 0,
};

function setUp(options: Partial<ServiceHealthOptions> = {}) {
  const clock = manualClock();
  const log = recordingLog();
  const changes: ClusterChange[] = [];
  const reports: Record<string, HealthReport>[] = [];
  const bad = new Set<number>();
  let before: readonly Instance[] = [];
  let looks = 0;
  const health = new ActiveHealth(
    'book',
    { ...OPTIONS, ...options },
    {
      clock,
      log,
      turns: new Turns(5),
      random: () => 0.5,
      changed: (change) => changes.push(change),
      health: (_service, told) => reports.push(Object.fromEntries(told)),
      probe: ({ target }) =>
        answering(async (): Promise<ProbeResult> => {
          looks++;
          return 'port' in target && bad.has(target.port) ? { ok: false, reason: 'bad' } : { ok: true };
        }),
    },
  );
  const set = (...ports: number[]): void => {
    const instances = ports.map((port) => instanceOn(port));
    health.change({
      name: 'book',
      known: true,
      stale: false,
      trouble: null,
      updatedAt: clock.now(),
      instances,
      diff: diff(before, instances),
    });
    before = instances;
  };
  /** Moves on by half an interval, and waits until all looks that fell due are over. */
  const half = async (expected: number): Promise<void> => {
    const wanted = looks + expected;
    clock.advance(500);
    await eventually(() => looks >= wanted);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  const last = (): string[] | undefined => changes.at(-1)?.instances.map(({ address }) => address);
  return { clock, log, health, set, half, bad, changes, reports, last, looks: () => looks };
}

test('an instance is assumed to be well; failing and recovering are told, with the reason', async (t) => {
  const { set, half, bad, reports, clock, health } = setUp();
  set(1, 2);
  bad.add(2);
  await half(2);
  clock.advance(20);
  t.deepEqual(reports, []);
  await half(0);
  await half(2);
  clock.advance(20);
  t.deepEqual(reports, [{ '127.0.0.1:2': { healthy: false, unhealthyReason: 'bad' } }]);
  bad.clear();
  await half(0);
  await half(2);
  clock.advance(20);
  t.deepEqual(reports.at(-1), { '127.0.0.1:2': { healthy: true } });
  health.close();
  t.is(clock.pending, 0);
});

test('an instance that left is not looked at any more', async (t) => {
  const { set, half, looks, clock, health, changes } = setUp();
  set(1, 2);
  await half(2);
  set(1);
  t.deepEqual(
    changes.at(-1)?.diff.removed.map(({ address }) => address),
    ['127.0.0.1:2'],
  );
  const before = looks();
  await half(0);
  await half(1);
  t.is(looks() - before, 1);
  health.close();
  t.is(clock.pending, 0);
});

test('many that fail together are one report', async (t) => {
  const { set, half, bad, reports, clock, health } = setUp({ fall: 1 });
  for (let port = 1; port <= 30; port++) bad.add(port);
  set(...bad);
  await half(30);
  await eventually(() => {
    clock.advance(20);
    return reports.length > 0;
  });
  t.is(reports.length, 1);
  t.is(Object.keys(reports[0] ?? {}).length, 30);
  health.close();
});

test('without keep an instance that left the registry is gone, though it passes', async (t) => {
  const { set, half, last, health } = setUp();
  set(1, 2);
  await half(2);
  set(1);
  t.deepEqual(last(), ['127.0.0.1:1']);
  health.close();
});

test('with keep it stays while it passes, for so long at most', async (t) => {
  const { set, half, last, changes, clock, health, log } = setUp({ keep: 10_000 });
  set(1, 2);
  await half(2);
  set(1);
  t.deepEqual(last(), ['127.0.0.1:1', '127.0.0.1:2']);
  t.deepEqual(changes.at(-1)?.diff.removed, []);
  t.is(log.messages('warn').length, 1);
  clock.advance(10_000);
  t.deepEqual(last(), ['127.0.0.1:1']);
  t.deepEqual(
    changes.at(-1)?.diff.removed.map(({ address }) => address),
    ['127.0.0.1:2'],
  );
  health.close();
  t.is(clock.pending, 0);
});

test('an instance that is kept goes when it fails', async (t) => {
  const { set, half, bad, last, clock, health, reports } = setUp({ keep: 600_000 });
  set(1, 2);
  await half(2);
  set(1);
  bad.add(2);
  await half(0);
  await half(2);
  await half(0);
  await half(2);
  clock.advance(20);
  t.deepEqual(last(), ['127.0.0.1:1']);
  t.deepEqual(reports, [], 'what is gone has no health');
  health.close();
});

test('an instance that is kept and comes back has not left: a change, and no second one of it', async (t) => {
  const { set, half, changes, last, clock, health } = setUp({ keep: 10_000 });
  set(1, 2);
  await half(2);
  set(1);
  set(1, 2);
  t.deepEqual(changes.at(-1)?.diff.added, []);
  t.deepEqual(
    changes.at(-1)?.diff.changed.map(({ address }) => address),
    ['127.0.0.1:2'],
  );
  clock.advance(20_000);
  t.deepEqual(last(), ['127.0.0.1:1', '127.0.0.1:2']);
  health.close();
});

test('one that failed, or was never seen to pass, is not kept', async (t) => {
  const { set, half, bad, last, health } = setUp({ keep: 10_000 });
  bad.add(2);
  set(1, 2);
  await half(2);
  set(1, 3);
  t.deepEqual(last(), ['127.0.0.1:1', '127.0.0.1:3']);
  set(1);
  t.deepEqual(last(), ['127.0.0.1:1'], 'nobody has looked at it yet');
  health.close();
});

test('another port may be checked than the one that is used', (t) => {
  t.deepEqual(parseAddress('[::1]:80'), { host: '::1', port: 80 });
  const clock = manualClock();
  const targets: unknown[] = [];
  const health = new ActiveHealth(
    'book',
    { ...OPTIONS, port: 8080 },
    {
      clock,
      log: recordingLog(),
      turns: new Turns(5),
      random: () => 0,
      changed() {},
      health() {},
      probe: ({ target }) =>
        answering(async () => {
          targets.push(target);
          return { ok: true };
        }),
    },
  );
  const instances = [instanceOn(1)];
  health.change({
    name: 'book',
    known: true,
    stale: false,
    trouble: null,
    updatedAt: 0,
    instances,
    diff: diff([], instances),
  });
  clock.advance(1);
  t.deepEqual(targets, [{ host: '127.0.0.1', port: 8080 }]);
  health.close();
});
