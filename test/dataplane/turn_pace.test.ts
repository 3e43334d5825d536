import test from 'ava';
import { sleepAfterTicks, sleepBriefly, TurnPace } from '../../src/dataplane/turn_pace.ts';

/** What comes to a thread. */
interface Load {
  /** Frames per millisecond. */
  readonly rate: number;
  /** Milliseconds that requests take; null: none end. */
  readonly took: number | null;
  /** Frames per millisecond while turns are paced, when that is another rate. */
  readonly paced?: number;
  /** Turns are flushes at the end of a read. */
  readonly alone?: boolean;
  /** Milliseconds from turn to turn when nothing is put off. */
  readonly step?: number;
}

/** `Load.step` of most. */
const STEP = 0.05;

/** A thread on a clock that only turns and sleeps move. */
function thread() {
  let now = 1_000;
  let turns = 0;
  let slept = 0;
  const pace = new TurnPace((ms) => {
    now += ms;
    slept += ms;
  });
  let frames = 0;
  let last = now;
  /** Lets the load come for so many milliseconds; gives the share of them that was slept, and how many turns there were per millisecond. */
  const run = (load: Load, ms: number): { slept: number; turns: number } => {
    const from = now;
    const before = { slept, turns };
    let asleep = false;
    while (now - from < ms) {
      now += load.step ?? STEP;
      frames += (now - last) * (asleep && load.paced !== undefined ? load.paced : load.rate);
      last = now;
      const whole = Math.floor(frames);
      frames -= whole;
      if (load.took !== null) for (let i = 0; i < whole / 4; i++) pace.ended(load.took);
      turns++;
      const sleptBefore = slept;
      pace.endTurn(now, whole, load.alone ?? false);
      asleep = slept > sleptBefore;
    }
    return { slept: (slept - before.slept) / (now - from), turns: (turns - before.turns) / (now - from) };
  };
  const idle = (ms: number): void => {
    now += ms;
    last = now;
  };
  return { run, idle, stop: () => pace.stop() };
}

const BUSY: Load = { rate: 200, took: 1 };

test('a busy thread whose requests have time takes a turn each 0.2 ms, and between them it sleeps', (t) => {
  const { run } = thread();
  run(BUSY, 200);
  const { slept, turns } = run(BUSY, 10_000);
  t.true(turns > 4.5 && turns < 6.5, `${turns} turns per ms`);
  t.true(slept > 0.6, `${slept}`);
});

test('long streams of messages, of which none ends, are paced as well', (t) => {
  const { run } = thread();
  t.true(run({ rate: 200, took: null }, 5_000).slept > 0.6);
});

const untouched: readonly (readonly [string, Load])[] = [
  ['a thread with little to do', { rate: 50, took: 1 }],
  ['a thread whose requests are quick', { rate: 200, took: 0.2 }],
  ['a thread that has one read per turn, flushed at its end', { ...BUSY, alone: true }],
];
for (const [what, load] of untouched) {
  test(`${what} never sleeps`, (t) => {
    const { run } = thread();
    t.is(run(load, 10_000).slept, 0);
  });
}

test('where the pace lets half as much through it is given up within three tenths of a second, and tried more and more rarely', (t) => {
  const { run } = thread();
  const held: Load = { rate: 200, took: 1, paced: 60 };
  run(held, 300);
  const soon = run(held, 10_000).slept;
  t.true(soon < 0.08, `slept ${soon} of the time at first`);
  run(held, 60_000);
  const later = run(held, 60_000).slept;
  t.true(later > 0 && later < 0.005, `slept ${later} of the time later`);
});

test('a pace that lets next to nothing through is given up as well, with streams of which none ends', (t) => {
  const { run } = thread();
  const held: Load = { rate: 90, took: null, paced: 20 };
  run(held, 1_000);
  const { slept } = run(held, 10_000);
  t.true(slept < 0.08, `slept ${slept} of the time`);
});

test('a few requests that last do not make thousands of quick ones wait', (t) => {
  const { run } = thread();
  let now = 0;
  let slept = 0;
  const pace = new TurnPace((ms) => {
    slept += ms;
  });
  for (let i = 0; i < 20_000; i++) {
    now += STEP;
    for (let k = 0; k < 3; k++) pace.ended(i % 100 === 0 && k === 0 ? 30_000 : 0.1);
    pace.endTurn(now, 10, false);
  }
  t.is(slept, 0);
  t.true(run(BUSY, 1_000).slept > 0, 'one that is not quick is paced');
});

test('a thread for which it did harm is paced again when it does none any more', (t) => {
  const { run } = thread();
  run({ rate: 200, took: 1, paced: 60 }, 5_000);
  run(BUSY, 60_000);
  t.true(run(BUSY, 1_000).slept > 0.6);
});

test('it ends with the load: at once after a pause, and after a window when less comes', (t) => {
  const { run, idle } = thread();
  const calm: Load = { rate: 2, took: 1 };
  run(BUSY, 1_000);
  idle(10_000);
  t.is(run(calm, 1_000).slept, 0);
  run(BUSY, 1_000);
  run(calm, 60);
  t.is(run(calm, 1_000).slept, 0);
});

test('a turn that took longer than the distance is followed by the next at once', (t) => {
  const { run } = thread();
  t.true(run(BUSY, 2_000).slept > 0);
  t.is(run({ ...BUSY, step: 0.3 }, 2_000).slept, 0);
  t.true(run(BUSY, 2_000).slept > 0);
});

test('a thread that ends is not paced any more', (t) => {
  const { run, stop } = thread();
  t.true(run(BUSY, 2_000).slept > 0);
  stop();
  t.is(run(BUSY, 2_000).slept, 0);
});

test('the thread sleeps after what was put off to the next tick', async (t) => {
  let tickAfter = Number.POSITIVE_INFINITY;
  const turnAfter = await new Promise<number>((resolve) => {
    setImmediate(() => {
      const from = performance.now();
      sleepAfterTicks(200);
      process.nextTick(() => {
        tickAfter = performance.now() - from;
      });
      setImmediate(() => resolve(performance.now() - from));
    });
  });
  t.true(tickAfter < 199, `${tickAfter}`);
  t.true(turnAfter > 199, `${turnAfter}`);
});

test('a sleep lasts for the time that it is given, parts of a millisecond as well', (t) => {
  for (const ms of [0.05, 0.2, 1.5]) {
    const from = performance.now();
    sleepBriefly(ms);
    const took = performance.now() - from;
    t.true(took >= ms - 0.01, `${took}`);
  }
});
