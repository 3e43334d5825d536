import test from 'ava';
import fc from 'fast-check';
import { Budget } from '../../src/http2/budget.ts';

test('a budget gives its rate as a burst, and not one more', (t) => {
  const budget = new Budget(3, 0);
  const taken = [1, 2, 3, 4].map(() => budget.take(0));
  t.deepEqual(taken, [true, true, true, false]);
});

test('a used-up budget fills again at its rate', (t) => {
  const budget = new Budget(10, 0);
  for (let i = 0; i < 10; i++) budget.take(0);
  t.false(budget.take(99));
  t.true(budget.take(100));
  t.false(budget.take(150));
  t.true(budget.take(200));
});

test('a budget that was not used for a while has no more than its burst', (t) => {
  const budget = new Budget(5, 0);
  const taken = Array.from({ length: 10 }, () => budget.take(60_000));
  t.is(taken.filter(Boolean).length, 5);
});

test('what costs more is taken whole or not at all', (t) => {
  const budget = new Budget(10, 0);
  t.true(budget.take(0, 8));
  t.false(budget.take(0, 3));
  t.true(budget.take(0, 2));
});

test('whatever the times, a budget gives what a token bucket of its rate and burst gives', (t) => {
  const step = fc.record({ wait: fc.nat(400), takes: fc.nat(30) });
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(step, { maxLength: 60 }), (rate, steps) => {
        let now = 0;
        const budget = new Budget(rate, now);
        const bucket = new Bucket(rate);
        for (const { wait, takes } of steps) {
          now += wait;
          for (let i = 0; i < takes; i++) {
            const left = bucket.left(now);
            const given = budget.take(now);
            if (Math.abs(left - 1) > ROUNDING && given !== left >= 1) throw new Error(`${given} with ${left} left`);
            if (given) bucket.take();
          }
        }
      }),
      { numRuns: 1000 },
    ),
  );
});

/** Times are summed in another order by the two. */
const ROUNDING = 1e-6;

/** The textbook: filled at every look. */
class Bucket {
  readonly #rate: number;
  #left: number;
  #at = 0;
  constructor(rate: number) {
    this.#rate = rate;
    this.#left = rate;
  }
  left(now: number): number {
    this.#left = Math.min(this.#rate, this.#left + ((now - this.#at) * this.#rate) / 1000);
    this.#at = now;
    return this.#left;
  }
  take(): void {
    this.#left--;
  }
}
