import test, { type ExecutionContext } from 'ava';
import { OutriggerError } from '../../src/base/errors.ts';
import { CounterArena } from '../../src/control/counters.ts';
import { DataThreads } from '../../src/control/threads.ts';
import type { Routing } from '../../src/model/service.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual_clock.ts';
import { recordingLog } from '../support/recording_log.ts';

type Behaviour = 'listen' | 'listen_when_told' | 'port_taken' | 'throw' | 'end';

/** Data threads that do what the test says (`test/support/scripted_thread.ts`). */
function setUp(t: ExecutionContext, workers = 1) {
  const clock = manualClock();
  const log = recordingLog();
  const died: number[] = [];
  const received: [thread: number, message: string][] = [];
  const script = { next: 'listen' as Behaviour };
  const routing = (): Routing => ({ routes: [], discover: false, defaultService: script.next });
  const launched = { times: 0 };
  const threads = new DataThreads({
    entry: new URL('../support/scripted_thread.ts', import.meta.url),
    listen: ['127.0.0.1:15001'],
    arena: new CounterArena(workers),
    clock,
    log,
    state() {
      launched.times++;
      return { routing: routing(), discoverSettings: null, services: [] };
    },
    event(thread, event) {
      if (event.kind === 'log') received.push([thread, event.message]);
    },
    died: (thread) => died.push(thread),
  });
  t.teardown(() => threads.stop(0));
  return {
    threads,
    clock,
    log,
    died,
    received,
    script,
    launched,
    crash: (thread: number) => threads.send(thread, { kind: 'routing', routing: routing(), discoverSettings: null }),
    delays: () => log.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields.delay_ms),
  };
}

for (const [behaviour, reason] of [
  ['throw', /thrown while it started/],
  ['end', /ended by itself/],
] as const) {
  test(`a start fails, and is not repeated, when a thread dies before it listens (${behaviour})`, async (t) => {
    const { threads, script, clock, log } = setUp(t);
    script.next = behaviour;
    const error = await t.throwsAsync(threads.start(), { instanceOf: OutriggerError, code: 'data_thread_failed' });
    t.regex(error?.message ?? '', reason);
    t.truthy(error?.hint);
    t.deepEqual([clock.pending, threads.running(), log.lines], [0, [], []]);
  });
}

test('a start fails with a hint, and is not repeated, when the address is taken', async (t) => {
  const { threads, script, clock, log } = setUp(t);
  script.next = 'port_taken';
  const error = await t.throwsAsync(threads.start(), { instanceOf: OutriggerError, code: 'listen_failed' });
  t.is(error?.message, 'cannot listen on 127.0.0.1:15001: the address is in use');
  t.regex(error?.hint ?? '', /ss -ltnp 'sport = :15001'/);
  t.deepEqual([clock.pending, threads.running(), log.lines], [0, [], []]);
});

test('a start fails when the last of several threads does', async (t) => {
  const { threads, script, received } = setUp(t, 2);
  script.next = 'listen_when_told';
  const started = threads.start();
  await eventually(() => threads.running().length === 1);
  script.next = 'throw';
  threads.send(0, { kind: 'service_gone', name: 'x', why: 'the test says so' });
  await t.throwsAsync(started, { code: 'data_thread_failed', message: /data thread 1/ });
  t.deepEqual(received, [[0, 'service_gone']]);
});

test('a stop in the middle of a start ends what runs and starts nothing more', async (t) => {
  const { threads, script, launched } = setUp(t, 2);
  script.next = 'listen_when_told';
  const started = threads.start();
  await eventually(() => threads.running().length === 1);
  threads.send(0, { kind: 'service_gone', name: 'x', why: 'the test says so' });
  await threads.stop(0);
  await started;
  t.deepEqual([launched.times, threads.running()], [1, []]);
});

test('a thread that dies is started again at once, and if that goes on, later and later', async (t) => {
  const { threads, clock, crash, died, delays, log } = setUp(t);
  t.deepEqual(await threads.start(), ['127.0.0.1:15001']);
  for (let deaths = 1; deaths <= 4; deaths++) {
    crash(0);
    await eventually(() => clock.pending === 1);
    t.deepEqual(threads.running(), []);
    clock.advance(5_000);
    t.deepEqual(threads.running(), [0]);
    // It takes messages when it listens; before, they wait.
  }
  t.deepEqual(delays(), [0, 100, 200, 400]);
  t.deepEqual(died, [0, 0, 0, 0]);
  t.deepEqual(threads.restarts(), [4]);
  t.regex(String(log.lines[0]?.fields.reason), /crash asked for by a test/);
});

test('a restart that finds its port taken is tried again ever more slowly, with a hint, until it succeeds', async (t) => {
  const { threads, clock, crash, script, delays, log, received } = setUp(t);
  await threads.start();
  clock.advance(3_600_000);
  script.next = 'port_taken';
  crash(0);
  for (let attempt = 1; attempt <= 9; attempt++) {
    await eventually(() => clock.pending === 1);
    clock.advance(Number(delays().at(-1)));
    t.is(clock.pending, 0);
  }
  await eventually(() => clock.pending === 1);
  t.deepEqual(delays(), [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
  const failed = log.lines.slice(1);
  t.true(failed.every(({ message }) => /could not be restarted/.test(message)));
  t.true(failed.every(({ fields }) => /127\.0\.0\.1:15001: the address is in use/.test(String(fields.reason))));
  t.true(failed.every(({ fields }) => /which process holds the port/.test(String(fields.hint))));
  script.next = 'listen';
  clock.advance(5_000);
  received.length = 0;
  threads.send(0, { kind: 'service_gone', name: 'x', why: 'the test says so' });
  await eventually(() => received.length === 1);
  t.is(clock.pending, 0);
});

test('a thread that dies while it drains stays away, and nothing listens again', async (t) => {
  const { threads, clock, crash, received, died, log } = setUp(t, 2);
  await threads.start();
  threads.drain(10_000);
  await eventually(() => received.length === 2);
  crash(1);
  await eventually(() => died.length === 1);
  t.deepEqual(threads.running(), [0]);
  t.is(clock.pending, 0);
  t.deepEqual(threads.restarts(), [0, 0]);
  t.regex(log.messages('error').join(), /while it drained/);
});

test('a restart that was due later does not come when draining has begun meanwhile', async (t) => {
  const { threads, clock, crash } = setUp(t);
  await threads.start();
  crash(0);
  await eventually(() => clock.pending === 1);
  threads.drain(10_000);
  clock.advance(10_000);
  t.deepEqual(threads.running(), []);
});

test('a thread that begins to listen when draining has begun is told to drain', async (t) => {
  const { threads, clock, crash, script, received } = setUp(t);
  await threads.start();
  script.next = 'listen_when_told';
  crash(0);
  await eventually(() => clock.pending === 1);
  clock.advance(0);
  threads.drain(10_000);
  await eventually(() => received.filter(([, message]) => message === 'drain').length === 1);
  threads.send(0, { kind: 'service_gone', name: 'x', why: 'the test says so' });
  await eventually(() => received.filter(([, message]) => message === 'drain').length === 2);
  t.pass();
});
