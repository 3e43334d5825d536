import test from 'ava';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { candidates, chiSquare, serve, type TestCandidate, TestContext, tally } from '../../support/candidates.ts';

const { least_request: leastRequest, peak_ewma: peakEwma } = POLICIES;

test('least_request: of two instances the one with fewer requests under way is picked', (t) => {
  const members = candidates(2);
  const [a, b] = members as [TestCandidate, TestCandidate];
  const picker = leastRequest(members, null, new TestContext());
  a.inFlight = 3;
  b.inFlight = 2;
  t.deepEqual(tally(picker, 2, 100), [0, 100]);
  a.inFlight = 1;
  t.deepEqual(tally(picker, 2, 100), [100, 0]);
});

test('least_request: requests under way are spread far more evenly than chance would', (t) => {
  const members = candidates(50);
  serve(leastRequest, members, new TestContext(), 20_000, { hold: 500 });
  const inFlight = members.map((member) => member.inFlight);
  t.true(Math.max(...inFlight) <= 14 && Math.min(...inFlight) >= 6, String(inFlight));
});

for (const hold of [0, 200]) {
  test(`least_request: weights are honoured with ${hold === 0 ? 'nothing' : 'much'} under way`, (t) => {
    const weights = [1, 1, 2, 4];
    const members = candidates(4, (index) => weights[index] as number);
    const context = new TestContext();
    const counts =
      hold === 0
        ? tally(leastRequest(members, null, context), 4, 8_000)
        : serve(leastRequest, members, context, 8_000, { hold });
    // 3 degrees of freedom: above 16.3 in one of a thousand runs; picks by load are more even than chance.
    t.true(chiSquare(counts, weights) < 16.3 || hold > 0, String(counts));
    for (const [index, count] of counts.entries()) {
      const expected = weights[index] as number;
      t.true(Math.abs(count / 1_000 - expected) < 0.15 * expected, `${counts}`);
    }
  });
}

test('least_request: one that is swamped is compared with another even where it is drawn twice', (t) => {
  const members = candidates(3, (index) => (index === 2 ? 2 : 1));
  (members[2] as TestCandidate).inFlight = 1_000;
  const counts = tally(leastRequest(members, null, new TestContext()), 3, 8_000);
  // Half of the weight: drawn three times in a row in an eighth of the picks.
  t.true((counts[2] as number) < 0.15 * 8_000, String(counts));
});

/** Serves with one instance that fails every request at once, while the others take 20 ms. */
function withOneThatFails(policy: typeof leastRequest, seed: number): number {
  const members = candidates(10);
  const context = new TestContext(seed);
  const picker = policy(members, null, context);
  const due: { at: number; member: TestCandidate }[] = [];
  let failed = 0;
  for (let i = 0; i < 5_000; i++) {
    context.time += 1;
    while (due.length > 0 && (due[0] as { at: number }).at <= context.time) {
      const { member } = due.shift() as { member: TestCandidate };
      member.inFlight--;
      member.load.ended(20, false, context.time);
    }
    const index = picker.pick(0);
    const member = members[index] as TestCandidate;
    if (index === 0) {
      failed++;
      member.load.ended(0.1, true, context.time);
    } else {
      member.inFlight++;
      due.push({ at: context.time + 20, member });
    }
  }
  return failed / 5_000;
}

for (const [name, policy] of [
  ['least_request', leastRequest],
  ['peak_ewma', peakEwma],
] as const) {
  test(`${name}: an instance that fails fast does not attract requests`, (t) => {
    for (const seed of [1, 2, 3]) {
      const share = withOneThatFails(policy, seed);
      t.true(share < 0.05, `${share} of the requests went to one of ten instances`);
    }
  });

  test(`${name}: an instance that is well again gets requests again within two minutes`, (t) => {
    const members = candidates(2);
    const [bad, good] = members as [TestCandidate, TestCandidate];
    const context = new TestContext();
    for (let i = 0; i < 100; i++) bad.load.ended(1, true, context.time);
    good.load.ended(20, false, context.time);
    const picker = policy(members, null, context);
    t.is(tally(picker, 2, 200)[0], 0);
    for (let i = 0; i < 120; i++) {
      context.time += 1_000;
      good.load.ended(20, false, context.time);
    }
    t.true((tally(picker, 2, 200)[0] as number) > 0);
  });
}

test('peak_ewma: the instance that answers sooner is picked, and the more requests it has the less', (t) => {
  const members = candidates(2);
  const [fast, slow] = members as [TestCandidate, TestCandidate];
  const context = new TestContext();
  for (let i = 0; i < 10; i++) {
    fast.load.ended(10, false, context.time);
    slow.load.ended(50, false, context.time);
  }
  const picker = peakEwma(members, null, context);
  t.deepEqual(tally(picker, 2, 100), [100, 0]);
  fast.inFlight = 5;
  t.deepEqual(tally(picker, 2, 100), [0, 100]);
});

test('peak_ewma: what gets slower is believed at once, what gets faster over ten seconds', (t) => {
  const [member] = candidates(1) as [TestCandidate];
  const { load } = member;
  load.ended(10, false, 0);
  load.ended(500, false, 1);
  t.true(load.latency(1) === 500);
  load.ended(10, false, 2);
  t.true(load.latency(2) > 490);
  for (let now = 100; now <= 30_000; now += 100) load.ended(10, false, now);
  t.true(load.latency(30_000) < 40, String(load.latency(30_000)));
});

test('peak_ewma: a new instance is tried at once, and not flooded before it has answered', (t) => {
  const members = candidates(10);
  const context = new TestContext();
  for (const member of members.slice(1)) member.load.ended(10, false, context.time);
  const newcomer = members[0] as TestCandidate;
  const picker = peakEwma(members, null, context);
  const first = tally(picker, 10, 100);
  // It is drawn in about a fifth of the pairs, and wins each time.
  t.true((first[0] as number) > 8, String(first));
  newcomer.inFlight = 1;
  t.is(tally(picker, 10, 200)[0], 0);
  // The others are busy, too: it gets its part although its first request goes on for ever.
  for (const member of members.slice(1)) member.inFlight = 8;
  const share = (tally(picker, 10, 1_000)[0] as number) / 1_000;
  t.true(share > 0.1, String(share));
});

test('peak_ewma: streams of which none has ended yet are spread by their number', (t) => {
  const members = candidates(10);
  serve(peakEwma, members, new TestContext(), 200, { hold: 1_000 });
  const inFlight = members.map((member) => member.inFlight);
  t.true(Math.max(...inFlight) <= 26 && Math.min(...inFlight) >= 14, String(inFlight));
});

test('pick_first: the instance of the greatest weight, the first by id among equals, and it alone', (t) => {
  const pick = (weights: number[]): number =>
    POLICIES.pick_first(
      candidates(weights.length, (index) => weights[index] as number),
      null,
      new TestContext(),
    ).pick(0);
  t.is(pick([1, 1, 1]), 0);
  t.is(pick([1, 5, 5]), 1);
  t.is(pick([0, 0, 1]), 2);
});

for (const seed of [1, 2, 3]) {
  test(`weighted_random: each as likely as its weight says, one with very little next to nothing (seed ${seed})`, (t) => {
    const weights = [1, 2, 3, 4, 0, 10];
    const members = candidates(6, (index) => weights[index] as number);
    const counts = tally(POLICIES.weighted_random(members, null, new TestContext(seed)), 6, 20_000);
    t.is(counts[4], 0);
    const [drawn, expected] = [counts.filter((_, i) => i !== 4), weights.filter((weight) => weight > 0)];
    // 4 degrees of freedom: above 18.5 in one of a thousand runs.
    t.true(chiSquare(drawn, expected) < 18.5, String(counts));
  });
}
