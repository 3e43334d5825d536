import test from 'ava';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { weightOf } from '../../../src/grpc/load_report.ts';
import { candidates, type TestCandidate, TestContext, tally } from '../../support/candidates.ts';

/** Everybody reports its weight once a second, for so many seconds. */
function report(
  members: readonly TestCandidate[],
  weights: readonly (number | null)[],
  seconds: number,
  context: TestContext,
) {
  for (let i = 0; i < seconds; i++) {
    context.time += 1_000;
    for (const [index, weight] of weights.entries()) {
      if (weight !== null) (members[index] as TestCandidate).load.reported(weight, context.time);
    }
  }
}

test('without reports it is round robin', (t) => {
  const picker = POLICIES.orca(candidates(4), null, new TestContext());
  t.deepEqual(tally(picker, 4, 400), [100, 100, 100, 100]);
});

test('after ten seconds of reports shares follow them, and one that reports nothing gets the mean', (t) => {
  const members = candidates(4);
  const context = new TestContext();
  const picker = POLICIES.orca(members, null, context);
  report(members, [100, 200, 300, null], 5, context);
  t.deepEqual(tally(picker, 4, 400), [100, 100, 100, 100]);
  report(members, [100, 200, 300, null], 6, context);
  const counts = tally(picker, 4, 800);
  for (const [index, expected] of [100, 200, 300, 200].entries()) {
    t.true(Math.abs((counts[index] as number) - expected) <= 2, String(counts));
  }
});

test('reports are looked at once a second, and forgotten three minutes after the last one', (t) => {
  const members = candidates(2);
  const context = new TestContext();
  const picker = POLICIES.orca(members, null, context);
  report(members, [1, 3], 12, context);
  picker.pick(0);
  report(members, [3, 1], 1, context);
  context.time -= 500;
  const before = tally(picker, 2, 400);
  t.true(Math.abs((before[0] as number) - 100) <= 1, String(before));
  context.time += 500;
  const after = tally(picker, 2, 400);
  t.true(Math.abs((after[0] as number) - 300) <= 1, String(after));
  context.time += 180_000;
  t.deepEqual(tally(picker, 2, 400), [200, 200]);
  // The next report begins a new time of watching.
  report(members, [3, 1], 1, context);
  t.deepEqual(tally(picker, 2, 400), [200, 200]);
});

test('turns survive a change of the set', (t) => {
  const context = new TestContext();
  let picker = POLICIES.orca(candidates(8), null, context);
  const last = new Map<string, number>();
  let gap = 0;
  for (let i = 0; i < 800; i++) {
    const members = candidates(i % 2 === 0 ? 8 : 7);
    picker = POLICIES.orca(members, picker, context);
    const { id } = members[picker.pick(0)] as TestCandidate;
    if (id !== 'i00007') gap = Math.max(gap, i - (last.get(id) ?? i));
    last.set(id, i);
  }
  t.true(gap <= 12, `somebody waited for ${gap} picks`);
});

test('an instance that fails everything at once does not attract requests, idle as it is by its own report', (t) => {
  const members = candidates(4);
  const context = new TestContext();
  const picker = POLICIES.orca(members, null, context);
  let counts: number[] = [];
  for (let second = 0; second < 60; second++) {
    context.time += 1_000;
    counts = tally(picker, 4, 400);
    for (const [index, qps] of counts.entries()) {
      const fails = index === 0;
      const weight = weightOf({ qps, eps: fails ? qps : 0, utilization: fails ? 0.01 : qps / 400 });
      if (weight > 0) (members[index] as TestCandidate).load.reported(weight, context.time);
    }
  }
  t.true((counts[0] as number) < 40, String(counts));
});
