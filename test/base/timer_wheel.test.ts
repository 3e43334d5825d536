import test from 'ava';
import fc from 'fast-check';
import { TimerWheel, type WheelEntry } from '../../src/base/timer_wheel.ts';

const TICK = 10;

class Entry implements WheelEntry {
  readonly name: number;
  wheelSlot = -1;
  wheelTick = 0;
  wheelPrevious: WheelEntry | null = null;
  wheelNext: WheelEntry | null = null;
  constructor(name: number) {
    this.name = name;
  }
}

/** A wheel of eight slots on a clock of its own, with all timers stopped at the end. */
function wheelAt(start: number, expired: (entry: Entry, wheel: TimerWheel<Entry>) => void) {
  const clock = { now: start };
  const wheel: TimerWheel<Entry> = new TimerWheel<Entry>({
    tickMs: TICK,
    slots: 8,
    now: () => clock.now,
    expired: (entry) => expired(entry, wheel),
  });
  return { clock, wheel };
}

/** The same with a timer of its own: `wait` lets time pass, and calls it when it is due, or `early` milliseconds before. */
function timedWheel(start: number, early: number, expired: (entry: Entry) => void) {
  const clock = { now: start };
  let timer: { readonly at: number; readonly task: () => void } | null = null;
  let set = 0;
  const wheel = new TimerWheel<Entry>({
    tickMs: TICK,
    slots: 8,
    now: () => clock.now,
    expired,
    after: (ms, task) => {
      const mine = { at: clock.now + ms, task };
      timer = mine;
      set++;
      return () => {
        if (timer === mine) timer = null;
      };
    },
  });
  const wait = (ms: number): void => {
    const until = clock.now + ms;
    for (let next = timer; next !== null && next.at - early <= until; next = timer) {
      clock.now = Math.max(clock.now, next.at - early);
      timer = null;
      next.task();
    }
    clock.now = until;
  };
  return { clock, wheel, wait, isTimed: () => timer !== null, timersSet: () => set };
}

test('an entry expires once, at its time or up to one tick later, never early', (t) => {
  const told: number[] = [];
  const { clock, wheel } = wheelAt(1_000, (entry) => told.push(entry.name));
  wheel.schedule(new Entry(1), 1_025);
  for (clock.now = 1_000; clock.now < 1_025; clock.now++) wheel.advance();
  t.deepEqual(told, []);
  clock.now = 1_030;
  wheel.advance();
  t.deepEqual(told, [1]);
  clock.now = 2_000;
  wheel.advance();
  t.deepEqual(told, [1]);
  t.is(wheel.size, 0);
});

test('a time that has passed means the next tick', (t) => {
  const told: number[] = [];
  const { clock, wheel } = wheelAt(1_000, (entry) => told.push(entry.name));
  wheel.schedule(new Entry(1), 5);
  wheel.advance();
  t.deepEqual(told, []);
  clock.now += TICK;
  wheel.advance();
  t.deepEqual(told, [1]);
});

test('an entry more than a rotation ahead waits for its own round', (t) => {
  const told: number[] = [];
  const { clock, wheel } = wheelAt(0, (entry) => told.push(entry.name));
  wheel.schedule(new Entry(1), 30 + 3 * 8 * TICK);
  for (; clock.now < 30 + 3 * 8 * TICK; clock.now += TICK) wheel.advance();
  t.deepEqual(told, []);
  wheel.advance();
  t.deepEqual(told, [1]);
});

test('scheduling again moves an entry, cancelling takes it out, and doing so twice does no harm', (t) => {
  const told: number[] = [];
  const { clock, wheel } = wheelAt(0, (entry) => told.push(entry.name));
  const [first, second] = [new Entry(1), new Entry(2)];
  wheel.schedule(first, 20);
  wheel.schedule(first, 50);
  wheel.schedule(second, 20);
  t.is(wheel.size, 2);
  wheel.cancel(second);
  wheel.cancel(second);
  t.is(wheel.size, 1);
  clock.now = 40;
  wheel.advance();
  t.deepEqual(told, []);
  clock.now = 50;
  wheel.advance();
  t.deepEqual(told, [1]);
});

test('what expires may be scheduled again, and may cancel its neighbours', (t) => {
  const told: number[] = [];
  const entries = [0, 1, 2, 3].map((name) => new Entry(name));
  const { clock, wheel } = wheelAt(0, (entry, self) => {
    told.push(entry.name);
    for (const other of entries) if (other !== entry && other.name % 2 === entry.name % 2) self.cancel(other);
    if (told.length < 6) self.schedule(entry, 0);
  });
  for (const entry of entries) wheel.schedule(entry, 20);
  clock.now = 20;
  wheel.advance();
  t.is(told.length, 2);
  clock.now = 30;
  wheel.advance();
  t.is(told.length, 4);
  wheel.stop();
});

test('after a pause of many rotations everything that was due expires in one call', (t) => {
  const told: number[] = [];
  const { clock, wheel } = wheelAt(0, (entry) => told.push(entry.name));
  for (let i = 0; i < 50; i++) wheel.schedule(new Entry(i), i * 7);
  clock.now = 100_000;
  wheel.advance();
  t.is(told.length, 50);
  t.is(wheel.size, 0);
});

test('entries that are there when the wheel is stopped are due as soon as it turns again', (t) => {
  const told: number[] = [];
  const { clock, wheel } = wheelAt(0, (entry) => told.push(entry.name));
  wheel.schedule(new Entry(1), 20);
  wheel.stop();
  clock.now = 40;
  wheel.schedule(new Entry(2), 50);
  clock.now = 50;
  wheel.advance();
  t.deepEqual(told, [1, 2]);
});

test('the timer is set for the first entry alone: for an earlier one anew, and again when it comes early or for one that was taken back', (t) => {
  const told: number[] = [];
  const { wheel, wait, timersSet } = timedWheel(0, 0.5, (entry) => told.push(entry.name));
  const [first, second, third] = [new Entry(1), new Entry(2), new Entry(3)];
  wheel.schedule(first, 60);
  wheel.schedule(second, 70);
  wheel.schedule(third, 60);
  t.is(timersSet(), 1);
  wheel.schedule(third, 30);
  t.is(timersSet(), 2);
  // It comes half a millisecond before 30, and is set again twice: for the rest, and for what is due at 60.
  wait(31);
  t.deepEqual(told, [3]);
  t.is(timersSet(), 4);
  wheel.cancel(first);
  wait(69);
  t.deepEqual(told, [3, 2]);
  t.true(timersSet() <= 4 + 4, `${timersSet()}`);
});

test('entries of later rotations, however many, wake nobody but once in a rotation', (t) => {
  const told: number[] = [];
  const { wheel, wait, timersSet } = timedWheel(0, 0, (entry) => told.push(entry.name));
  for (let i = 0; i < 8; i++) wheel.schedule(new Entry(i), 100 * 8 * TICK + i * TICK);
  wait(99 * 8 * TICK);
  t.deepEqual(told, []);
  t.true(timersSet() <= 101, `${timersSet()} in 99 rotations`);
  wait(3 * 8 * TICK);
  t.deepEqual(told, [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('the timer runs only while entries wait', (t) => {
  const { wheel, wait, isTimed } = timedWheel(0, 0, () => {});
  t.false(isTimed());
  wheel.schedule(new Entry(1), 20);
  t.true(isTimed());
  wait(20);
  t.false(isTimed());
  wheel.schedule(new Entry(2), 50);
  wheel.stop();
  t.false(isTimed());
});

type Step =
  | { readonly schedule: number; readonly in: number }
  | { readonly cancel: number }
  | { readonly wait: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ schedule: fc.nat(9), in: fc.integer({ min: -20, max: 400 }) }) },
  { weight: 1, arbitrary: fc.record({ cancel: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.record({ wait: fc.oneof(fc.nat(30), fc.nat(500)) }) },
);

test('whatever is scheduled, moved and cancelled, exactly what a list of deadlines says expires', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.nat(1_000), fc.array(step, { maxLength: 80 }), (start, steps) => {
        const expected = new Map<number, number>();
        const told: number[] = [];
        const { clock, wheel } = wheelAt(start, (entry) => told.push(entry.name));
        const entries = Array.from({ length: 10 }, (_, name) => new Entry(name));
        // A tick ends at a multiple of TICK after the start; what is late is due at the next one.
        const tickAfter = (at: number): number => start + TICK * Math.floor((at - start) / TICK + 1);
        const tickAt = (at: number): number => start + TICK * Math.ceil((at - start) / TICK);
        for (const each of steps) {
          if ('schedule' in each) {
            const at = clock.now + each.in;
            wheel.schedule(entries[each.schedule] as Entry, at);
            expected.set(each.schedule, Math.max(tickAt(at), tickAfter(clock.now)));
          } else if ('cancel' in each) {
            wheel.cancel(entries[each.cancel] as Entry);
            expected.delete(each.cancel);
          } else {
            clock.now += each.wait;
            told.length = 0;
            wheel.advance();
            const due = [...expected].filter(([, at]) => at <= clock.now).map(([name]) => name);
            for (const name of due) expected.delete(name);
            const order = (a: number, b: number): number => a - b;
            if (told.toSorted(order).join() !== due.toSorted(order).join()) throw new Error(`told ${told}, due ${due}`);
          }
          if (wheel.size !== expected.size) throw new Error(`${wheel.size} entries, ${expected.size} expected`);
        }
        wheel.stop();
      }),
      { numRuns: 2000 },
    ),
  );
});

test('whatever is scheduled, moved and cancelled, the timer alone lets each entry expire at its time or within a tick and a millisecond', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.nat(1_000), fc.constantFrom(0, 0.5), fc.array(step, { maxLength: 80 }), (start, early, steps) => {
        const expected = new Map<number, number>();
        const { clock, wheel, wait } = timedWheel(start, early, ({ name }) => {
          const at = expected.get(name);
          if (at === undefined) throw new Error(`${name} expired, and was not to`);
          const late = clock.now - at;
          if (late < 0 || late > TICK + 1) throw new Error(`${name} expired ${late} ms late`);
          expected.delete(name);
        });
        const entries = Array.from({ length: 10 }, (_, name) => new Entry(name));
        for (const each of steps) {
          if ('schedule' in each) {
            const at = clock.now + each.in;
            wheel.schedule(entries[each.schedule] as Entry, at);
            expected.set(each.schedule, Math.max(at, clock.now));
          } else if ('cancel' in each) {
            wheel.cancel(entries[each.cancel] as Entry);
            expected.delete(each.cancel);
          } else wait(each.wait);
        }
        wait(1_000);
        if (expected.size > 0) throw new Error(`${[...expected.keys()]} never expired`);
      }),
      { numRuns: 2000 },
    ),
  );
});
