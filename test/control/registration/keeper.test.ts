import test from 'ava';
import { OutriggerError } from '../../../src/base/errors.ts';
import { Keeper } from '../../../src/control/registration/keeper.ts';
import type { Held } from '../../../src/control/registration/writer.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { recordingLog } from '../../support/recording_log.ts';

const TTL = 15_000;

/** A keeper whose registry is played by the test. */
function setUp(passing = true) {
  const clock = manualClock();
  const log = recordingLog();
  const calls: string[] = [];
  const registry = { away: false, refresh: 'held' as Held, passing: 'held' as Held };
  let lost: (why: string) => void = () => {};
  const call = async <T>(name: string, result: T): Promise<T> => {
    calls.push(name);
    if (registry.away) throw new OutriggerError('etcd_unavailable', 'away', { hint: 'wait' });
    return result;
  };
  const keeper = new Keeper(
    {
      registration: {
        service: 'app',
        id: 'app-1',
        address: '10.0.0.5:1',
        version: null,
        weight: 1,
        zone: null,
        metadata: {},
        path: '/services/app/',
        format: 'outrigger',
        ttlMs: TTL,
      },
      registry: 'main',
      passing,
    },
    {
      clock,
      log,
      random: () => 0.5,
      writer(hear) {
        lost = hear;
        return {
          type: 'scripted',
          place: '/services/app/app-1',
          put: () => call('put', undefined),
          refresh: () => call('refresh', registry.refresh),
          setPassing: (now) => call(now ? 'pass' : 'fail', registry.passing),
          remove: () => call('remove', undefined),
          close: () => Promise.resolve(),
        };
      },
    },
  );
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  };
  return {
    clock,
    log,
    calls,
    registry,
    keeper,
    lost: (why: string) => lost(why),
    settle,
    async pass(ms: number) {
      await settle();
      clock.advance(ms);
      await settle();
    },
  };
}

test('nothing is written before the health check passes', async (t) => {
  const { keeper, calls, settle } = setUp(false);
  await settle();
  t.is(keeper.state, 'waiting');
  t.deepEqual(calls, []);
  keeper.health(true, 'passes');
  await settle();
  t.deepEqual(calls, ['put']);
  t.is(keeper.state, 'registered');
  await keeper.stop();
});

test('it is refreshed three times in a TTL', async (t) => {
  const { keeper, calls, pass, settle } = setUp();
  await settle();
  for (let third = 0; third < 6; third++) await pass(TTL / 3);
  t.deepEqual(calls, ['put', ...Array<string>(6).fill('refresh')]);
  await keeper.stop();
});

test('what the registry does not have any more is put again at once', async (t) => {
  const { keeper, calls, registry, pass, settle } = setUp();
  await settle();
  registry.refresh = 'gone';
  await pass(TTL / 3);
  t.deepEqual(calls, ['put', 'refresh', 'put']);
  registry.refresh = 'held';
  await keeper.stop();
});

test('one TTL without an answer means that it is lost: put, not refreshed, until there is one', async (t) => {
  const { keeper, calls, registry, pass, settle, log } = setUp();
  await settle();
  registry.away = true;
  for (let second = 0; second < 20; second++) await pass(1_000);
  t.is(keeper.state, 'registering');
  t.is(keeper.reason, 'away');
  t.is(calls.at(-1), 'put');
  const warnings = log.messages('warn');
  t.is(warnings.filter((message) => message === 'away').length, 1, 'said once');
  t.true(warnings.some((message) => /no answer for \d+ s, longer than its TTL/.test(message)));
  const tries = calls.length;
  for (let minute = 0; minute < 60; minute++) await pass(60_000);
  t.true(calls.length - tries >= 59, 'for ever');
  registry.away = false;
  await pass(60_000);
  t.is(keeper.state, 'registered');
  await keeper.stop();
});

test('a record that vanishes again and again is put with growing delays', async (t) => {
  const { keeper, calls, lost, settle, pass, clock } = setUp();
  await settle();
  const before = clock.now();
  for (let round = 0; round < 6; round++) {
    lost('deleted');
    await eventually(async () => {
      await pass(100);
      return keeper.state === 'registered';
    });
  }
  t.is(calls.filter((name) => name === 'put').length, 7);
  t.true(clock.now() - before > 2_000, `${clock.now() - before} ms`);
  await keeper.stop();
});

test('where the registry knows health, it is set, and the record stays', async (t) => {
  const { keeper, calls, settle, registry } = setUp();
  await settle();
  keeper.health(false, 'bad');
  await settle();
  t.is(keeper.state, 'waiting');
  keeper.health(true, 'passes');
  await settle();
  t.deepEqual(calls, ['put', 'fail', 'pass']);
  t.is(keeper.state, 'registered');
  keeper.health(false, 'bad');
  await settle();
  registry.passing = 'gone';
  keeper.health(true, 'passes');
  await settle();
  t.deepEqual(calls.slice(3), ['fail', 'pass', 'put']);
  await keeper.stop();
});

test('taking out is tried until it is done, or nobody can see the record any more', async (t) => {
  const { keeper, calls, registry, settle, pass } = setUp();
  await settle();
  registry.away = true;
  keeper.health(false, 'bad');
  await settle();
  t.is(keeper.state, 'withdrawing');
  for (let second = 0; second < 20; second++) await pass(1_000);
  t.is(keeper.state, 'waiting');
  t.true(calls.filter((name) => name === 'fail').length > 2);
  registry.away = false;
  await keeper.stop();
});

test('stop removes what may be seen, and nothing that never was', async (t) => {
  const seen = setUp();
  await seen.settle();
  await seen.keeper.stop();
  t.deepEqual(seen.calls, ['put', 'remove']);
  t.is(seen.keeper.state, 'removed');
  t.is(seen.clock.pending, 0);

  const never = setUp(false);
  await never.settle();
  await never.keeper.stop();
  t.deepEqual(never.calls, []);

  const perhaps = setUp();
  perhaps.registry.away = true;
  await perhaps.settle();
  perhaps.registry.away = false;
  await perhaps.keeper.stop();
  t.deepEqual(perhaps.calls, ['put', 'remove'], 'a put that failed may have been carried out');
});

test('stop ends in time though the registry is away', async (t) => {
  const { keeper, registry, settle, pass, log } = setUp();
  await settle();
  registry.away = true;
  const stopped = keeper.stop();
  for (let step = 0; step < 5; step++) await pass(1_000);
  await stopped;
  t.true(log.messages('warn').some((message) => message.includes('runs out with its TTL')));
});
