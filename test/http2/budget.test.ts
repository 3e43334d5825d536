import test from 'ava';
import fc from 'fast-check';
import { Budget } from '../../src/http2/budget.ts';

test('a budget gives its rate as a burst, and not one more', (t) => {
  const budget = new Budget(3, 0);
  const taken = [1, 2, 3, 4].map(() => budget.take(() => 0));
  t.deepEqual(taken, [true, true, true, false]);
});

test('a used-up budget fills again at its rate', (t) => {
  const budget = new Budget(10, 0);
  for (let i = 0; i < 10; i++) budget.take(() => 0);
  t.false(budget.take(() => 99));
  t.true(budget.take(() => 100));
  t.false(budget.take(() => 150));
  t.true(budget.take(() => 200));
});

test('the clock is not asked while something is left', (t) => {
  const budget = new Budget(5, 0);
  for (let i = 0; i < 5; i++) t.true(budget.take(() => t.fail('asked') as never));
  t.false(budget.take(() => 0));
});

test('in all, a budget gives at least what a bucket of its rate gives, and never more than one of twice the burst', (t) => {
  const step = fc.record({ wait: fc.nat(400), takes: fc.nat(30) });
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(step, { maxLength: 60 }), (rate, steps) => {
        let now = 0;
        // What the strict bucket gave in all, less what the budget did.
        let owed = 0;
        const budget = new Budget(rate, now);
        const [strict, generous] = [new Bucket(rate, rate), new Bucket(rate, 2 * rate)];
        for (const { wait, takes } of steps) {
          now += wait;
          for (let i = 0; i < takes; i++) {
            const given = budget.take(() => now);
            if (strict.left(now) > 1 + ROUNDING) {
              strict.take();
              owed++;
            }
            if (given) {
              if (generous.left(now) < 1 - ROUNDING) throw new Error('too generous');
              generous.take();
              owed--;
            }
            if (owed > 0) throw new Error('too strict');
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
  readonly #size: number;
  #left: number;
  #at = 0;
  constructor(rate: number, size: number) {
    this.#rate = rate;
    this.#size = size;
    this.#left = size;
  }
  left(now: number): number {
    this.#left = Math.min(this.#size, this.#left + ((now - this.#at) * this.#rate) / 1000);
    this.#at = now;
    return this.#left;
  }
  take(): void {
    this.#left--;
  }
}
