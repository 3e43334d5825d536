import test from 'ava';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { candidates, chiSquare, TestContext } from '../../support/candidates.ts';

// 9 degrees of freedom: above 27.9 in one of a thousand runs. The seeds are fixed, so these either hold or do not.
for (const seed of [1, 2, 3, 4, 5]) {
  test(`every instance is as likely as the others, and each pick independent of the one before (seed ${seed})`, (t) => {
    const picker = POLICIES.random(candidates(10), null, new TestContext(seed));
    const counts = new Array<number>(10).fill(0);
    const steps = new Array<number>(10).fill(0);
    for (let i = 0, last = 0; i < 10_000; i++) {
      const index = picker.pick(0);
      counts[index] = (counts[index] as number) + 1;
      const step = (index - last + 10) % 10;
      steps[step] = (steps[step] as number) + 1;
      last = index;
    }
    t.true(chiSquare(counts) < 27.9, String(counts));
    t.true(chiSquare(steps) < 27.9, String(steps));
  });
}

test('the ends of what a random number may be lead to the first and the last instance', (t) => {
  for (const count of [1, 2, 3, 10_000]) {
    t.is(POLICIES.random(candidates(count), null, { random: () => 0, now: () => 0 }).pick(0), 0);
    t.is(
      POLICIES.random(candidates(count), null, { random: () => 1 - Number.EPSILON / 2, now: () => 0 }).pick(0),
      count - 1,
    );
  }
});
