import test from 'ava';
import { Prober, type ProberOptions } from '../../../src/control/health/prober.ts';
import { answering, type ProbeEvents, type ProbeResult } from '../../../src/control/health/probes/probe.ts';
import { Turns } from '../../../src/control/health/turns.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual_clock.ts';

const GOOD: ProbeResult = { ok: true };
const BAD: ProbeResult = { ok: false, reason: 'no' };

function setUp(options: Partial<ProberOptions> = {}) {
  const clock = manualClock();
  const told: string[] = [];
  const notes: string[] = [];
  let looks = 0;
  let next: ProbeResult = GOOD;
  let events: ProbeEvents | null = null;
  let closed = 0;
  const prober = new Prober(
    { interval: 1_000, rise: 2, fall: 3, initial: 'unknown', jitter: 0, firstAfter: 0, ...options },
    {
      clock,
      probe: (given) => {
        events = given;
        return {
          async look() {
            looks++;
            return next;
          },
          close() {
            closed++;
          },
        };
      },
      changed: (opinion, reason) => told.push(reason === null ? opinion : `${opinion}: ${reason}`),
      noted: (note) => notes.push(note),
    },
  );
  /** One look after another, each an interval later. */
  const see = async (...results: ProbeResult[]): Promise<void> => {
    for (const result of results) {
      next = result;
      const before = looks;
      clock.advance(looks === 0 ? 0 : 1_000);
      await eventually(() => looks === before + 1 && clock.pending === 1);
    }
  };
  return {
    clock,
    prober,
    told,
    notes,
    see,
    looks: () => looks,
    closed: () => closed,
    events: events as unknown as ProbeEvents,
  };
}

test('it takes `rise` good looks in a row to pass, and `fall` bad ones to fail', async (t) => {
  const { see, told, prober } = setUp();
  await see(GOOD);
  t.is(prober.opinion, 'unknown');
  await see(GOOD);
  t.deepEqual(told, ['passing']);
  await see(BAD, BAD, GOOD, BAD, BAD);
  t.deepEqual(told, ['passing'], 'a row that was broken begins anew');
  await see(BAD);
  t.deepEqual(told, ['passing', 'failing: no']);
  await see(GOOD, BAD, GOOD);
  t.is(prober.opinion, 'failing');
  await see(GOOD);
  t.deepEqual(told, ['passing', 'failing: no', 'passing']);
  prober.close();
});

test('while nothing is known, good and bad looks count for themselves', async (t) => {
  const { see, told, prober } = setUp();
  await see(GOOD, BAD, GOOD, BAD, BAD, BAD);
  t.deepEqual(told, ['failing: no']);
  prober.close();
});

test('what is assumed well is confirmed by the first good look only', async (t) => {
  const { see, prober } = setUp({ initial: 'passing' });
  t.false(prober.confirmed);
  await see(GOOD);
  t.true(prober.confirmed);
  await see(BAD);
  t.is(prober.opinion, 'passing');
  t.false(prober.confirmed);
  prober.close();
});

test('a look that rejects is a bad one', async (t) => {
  const clock = manualClock();
  const told: (string | null)[] = [];
  const prober = new Prober(
    { interval: 1_000, rise: 1, fall: 1, initial: 'unknown', jitter: 0, firstAfter: 0 },
    {
      clock,
      changed: (_, reason) => told.push(reason),
      probe: () => answering(() => Promise.reject(new Error('broke'))),
    },
  );
  clock.advance(0);
  await eventually(() => clock.pending === 1);
  t.deepEqual(told, ['broke']);
  prober.close();
});

test('a note is told once', async (t) => {
  const { see, notes, prober } = setUp({ fall: 1, rise: 1 });
  await see({ ok: true, note: 'n' }, { ok: true, note: 'n' });
  t.deepEqual(notes, ['n']);
  prober.close();
});

test('intervals vary by the jitter, and nothing is looked at after close', async (t) => {
  const clock = manualClock();
  const at: number[] = [];
  const prober = new Prober(
    { interval: 1_000, rise: 1, fall: 1, initial: 'unknown', jitter: 0.1, firstAfter: 0 },
    {
      clock,
      random: () => 1,
      changed() {},
      probe: () =>
        answering(async () => {
          at.push(clock.now());
          return GOOD;
        }),
    },
  );
  clock.advance(0);
  await eventually(() => clock.pending === 1);
  clock.advance(1_099);
  t.is(at.length, 1);
  clock.advance(1);
  t.is(at.length, 2);
  await eventually(() => clock.pending === 1);
  prober.close();
  t.is(clock.pending, 0);
});

test('what the instance says of itself counts at once, and breaks a row of looks', async (t) => {
  const { see, told, prober, events, closed } = setUp();
  await see(GOOD, GOOD, BAD, BAD);
  events.told(BAD);
  t.deepEqual(told, ['passing', 'failing: no']);
  events.told(BAD);
  events.told(GOOD);
  t.deepEqual(told, ['passing', 'failing: no', 'passing']);
  t.is(prober.reason, null);
  await see(BAD, BAD);
  t.is(prober.opinion, 'passing');
  prober.close();
  t.is(closed(), 1);
  events.told(BAD);
  t.is(prober.opinion, 'passing', 'nothing is heard after the end');
});

test('each look may be given up by itself, and a prober that is closed while it tells something looks no more', async (t) => {
  const clock = manualClock();
  const signals: AbortSignal[] = [];
  const prober: Prober = new Prober(
    { interval: 1_000, rise: 1, fall: 2, initial: 'passing', jitter: 0, firstAfter: 0 },
    {
      clock,
      changed: () => prober.close(),
      probe: () =>
        answering(async (signal) => {
          signals.push(signal);
          return BAD;
        }),
    },
  );
  clock.advance(0);
  await eventually(() => clock.pending === 1);
  clock.advance(1_000);
  await eventually(() => prober.opinion === 'failing');
  for (let i = 0; i < 5; i++) await Promise.resolve();
  t.is(clock.pending, 0);
  t.is(new Set(signals).size, 2);
});

test('a probe that stirs is looked with at once, unless it is being looked with', async (t) => {
  const { see, prober, events, looks, clock } = setUp();
  await see(GOOD);
  events.stirred();
  events.stirred();
  t.is(looks(), 2);
  await eventually(() => clock.pending === 1);
  clock.advance(999);
  t.is(looks(), 2, 'the next one is an interval later');
  clock.advance(1);
  t.is(looks(), 3);
  prober.close();
  events.stirred();
  t.is(looks(), 3);
});

test('no more than so many tasks have their turn at a time, and every one gets it', async (t) => {
  const turns = new Turns(2);
  let running = 0;
  let most = 0;
  let done = 0;
  const open: (() => void)[] = [];
  const { signal } = new AbortController();
  const all = Array.from({ length: 10 }, () =>
    turns.take(async () => {
      running++;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => open.push(resolve));
      running--;
      done++;
    }, signal),
  );
  for (let ended = 0; ended < 10; ended++) {
    await eventually(() => open.length > 0);
    open.shift()?.();
    await eventually(() => done === ended + 1);
  }
  await Promise.all(all);
  t.is(most, 2);
});
