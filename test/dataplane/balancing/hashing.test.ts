import test from 'ava';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { candidates, seededKeys, type TestCandidate, TestContext, tally } from '../../support/candidates.ts';

const KEYS = 20_000;

/** Where each of many keys leads, by id. */
function owners(
  policy: (typeof POLICIES)['maglev'],
  members: readonly TestCandidate[],
  previous: object | null = null,
) {
  const picker = policy(members, previous as null, new TestContext());
  const keys = seededKeys(11);
  return { picker, ids: Array.from({ length: KEYS }, () => (members[picker.pick(keys())] as TestCandidate).id) };
}

const moved = (before: readonly string[], after: readonly string[]): number =>
  before.filter((id, index) => id !== after[index]).length / before.length;

for (const name of ['ring_hash', 'maglev'] as const) {
  const policy = POLICIES[name];

  test(`${name}: a key leads to the same instance in every sidecar, however often it is asked`, (t) => {
    const members = candidates(50);
    const [a, b] = [owners(policy, members), owners(policy, candidates(50))];
    t.deepEqual(a.ids, b.ids);
    for (let i = 0; i < 1_000; i++) t.is(a.picker.pick(12_345), b.picker.pick(12_345));
  });

  test(`${name}: keys are spread over all instances`, (t) => {
    for (const [count, most] of [
      [3, 1.4],
      [10, 1.5],
      [100, 1.7],
    ] as const) {
      const counts = tally(policy(candidates(count), null, new TestContext()), count, 40_000);
      const mean = 40_000 / count;
      t.true(Math.max(...counts) < mean * most && Math.min(...counts) > mean / (most * 1.4), `${count}: ${counts}`);
    }
  });

  test(`${name}: weights are honoured`, (t) => {
    const weights = [1, 2, 4, 1, 8];
    const counts = tally(
      policy(
        candidates(5, (index) => weights[index] as number),
        null,
        new TestContext(),
      ),
      5,
      40_000,
    );
    for (const [index, count] of counts.entries()) {
      const share = (40_000 * (weights[index] as number)) / 16;
      t.true(Math.abs(count - share) < share * 0.35, String(counts));
    }
  });

  test(`${name}: an instance that leaves gives up its keys and few others; when it is back all is as before`, (t) => {
    for (const count of [10, 100, 1_000]) {
      const members = candidates(count);
      const left = members.filter((_, index) => index !== 3);
      const before = owners(policy, members);
      const after = owners(policy, left, before.picker);
      const own = before.ids.filter((id) => id === members[3]?.id).length / KEYS;
      const others = moved(before.ids, after.ids) - own;
      t.true(others < (name === 'ring_hash' ? 0.001 : 0.06), `${count} instances: ${others} of other keys moved`);
      t.deepEqual(owners(policy, members, after.picker).ids, before.ids);
    }
  });

  test(`${name}: a key goes elsewhere only while its instance has far more than its share under way`, (t) => {
    const members = candidates(10);
    const picker = policy(members, null, new TestContext());
    const own = picker.pick(77);
    const first = members[own] as TestCandidate;
    first.inFlight = 7;
    t.is(picker.pick(77), own, 'little under way is never too much');
    first.inFlight = 100;
    for (const member of members) if (member !== first) member.inFlight = 10;
    const fresh = policy(members, null, new TestContext());
    const other = fresh.pick(77);
    t.not(other, own);
    t.is(fresh.pick(77), other, 'and always to the same other one');
    for (const member of members) member.inFlight = 100;
    const busy = policy(members, null, new TestContext());
    t.is(busy.pick(77), own, 'all have much: that is its share');
  });

  test(`${name}: nobody has more than a quarter above the mean under way, even if all requests have one key`, (t) => {
    const members = candidates(10);
    const picker = policy(members, null, new TestContext());
    for (let i = 0; i < 1_000; i++) {
      const member = members[picker.pick(5)] as TestCandidate;
      member.inFlight++;
    }
    const inFlight = members.map((member) => member.inFlight);
    t.true(Math.max(...inFlight) <= 130, String(inFlight));
  });
}

test('ring_hash: a ring that is made from the one before is the one that would be made anew', (t) => {
  let picker = POLICIES.ring_hash(candidates(40), null, new TestContext());
  const pool = candidates(60, (index) => 1 + (index % 4));
  for (let round = 0; round < 30; round++) {
    const members = pool
      .filter((_, index) => (index * 7 + round * 13) % 5 !== 0)
      .map((member, index) => ({ ...member, weight: (index + round) % 11 === 0 ? 0 : member.weight }));
    picker = POLICIES.ring_hash(members, picker, new TestContext());
    const fresh = POLICIES.ring_hash(members, null, new TestContext());
    const keys = seededKeys(round);
    for (let i = 0; i < 500; i++) {
      const key = keys();
      if (picker.pick(key) !== fresh.pick(key)) t.fail(`round ${round}, key ${key}`);
    }
  }
  t.pass();
});

test('maglev: filling takes no longer for one that weighs a million times as much as all others', (t) => {
  // Going through everybody for each entry would be 400 million steps: minutes.
  const members = candidates(10_000, (index) => (index === 0 ? 1e6 : 1));
  const counts = tally(POLICIES.maglev(members, null, new TestContext()), 10_000, 10_000);
  t.true((counts[0] as number) > 7_000, String(counts[0]));
});

test('maglev: each of ten thousand instances has its entries, hardly more or fewer than the others', (t) => {
  const members = candidates(10_000);
  const picker = POLICIES.maglev(members, null, new TestContext());
  const counts = new Array<number>(10_000).fill(0);
  for (let key = 0; key < 40_961; key++) {
    const index = picker.pick(key);
    counts[index] = (counts[index] as number) + 1;
  }
  t.deepEqual([Math.min(...counts), Math.max(...counts)], [4, 5]);
});
