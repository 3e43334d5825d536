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
  const set: number[] = [];
  let fire = (): void => {};
  const told: number[] = [];
  const clock = { now: 0 };
  const wheel = new TimerWheel<Entry>({
    tickMs: TICK,
    slots: 8,
    now: () => clock.now,
    expired: (entry) => told.push(entry.name),
    after: (ms, task) => {
      set.push(ms);
      fire = task;
      return () => {
        fire = () => t.fail('a timer that was cancelled');
      };
    },
  });
  const [first, second, third] = [new Entry(1), new Entry(2), new Entry(3)];
  wheel.schedule(first, 60);
  t.deepEqual(set, [60]);
  wheel.schedule(second, 70);
  wheel.schedule(third, 60);
  t.deepEqual(set, [60]);
  wheel.schedule(third, 30);
  t.deepEqual(set, [60, 30]);
  // A timer may come a part of a millisecond early.
  clock.now = 29.5;
  fire();
  t.deepEqual(told, []);
  t.deepEqual(set, [60, 30, 1]);
  clock.now = 30.5;
  fire();
  t.deepEqual(told, [3]);
  t.deepEqual(set, [60, 30, 1, 30]);
  wheel.cancel(first);
  clock.now = 60;
  fire();
  t.deepEqual(told, [3]);
  t.deepEqual(set, [60, 30, 1, 30, 10]);
  clock.now = 70;
  fire();
  t.deepEqual(told, [3, 2]);
  t.is(set.length, 5);
  // Long after, far away, in another rotation.
  clock.now = 1_000;
  wheel.schedule(first, 1_250);
  while (set.length < 30 && told.length < 3) {
    clock.now += set.at(-1) as number;
    fire();
  }
  t.deepEqual(told, [3, 2, 1]);
  t.is(clock.now, 1_250);
  t.true(set.length <= 5 + 4, `${set.slice(5)}`);
});

test('the timer runs only while entries wait', (t) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  const { clock, wheel } = wheelAt(0, () => {});
  t.is(timers(), before);
  wheel.schedule(new Entry(1), 20);
  clock.now = 20;
  wheel.advance();
  t.is(timers(), before);
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
