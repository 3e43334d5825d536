import test from 'ava';
import type { LoadView } from '../../../src/dataplane/balancing/load.ts';
import type { Candidate } from '../../../src/dataplane/balancing/picker.ts';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { BALANCE_POLICIES } from '../../../src/model/balancing.ts';
import { seededKeys, TestContext } from '../../support/candidates.ts';

const PICKS = 2_000;
const NOTHING: LoadView = { latency: () => 10, failureShare: () => 0, reportedWeight: () => 0 };

/** How often a pick looks at an instance, on the mean: what it costs, told without a clock. */
function looksPerPick(name: keyof typeof POLICIES, count: number): number {
  let looks = 0;
  const seen = <T>(value: T): T => {
    looks++;
    return value;
  };
  const members = Array.from({ length: count }, (_, index): Candidate => {
    const id = `i${String(index).padStart(5, '0')}`;
    return {
      get id() {
        return seen(id);
      },
      get weight() {
        return seen(1 + (index % 5));
      },
      get inFlight() {
        return seen(index % 3);
      },
      get load() {
        return seen(NOTHING);
      },
    };
  });
  const picker = POLICIES[name](members, null, new TestContext());
  const keys = seededKeys(5);
  // The first one may have to look around.
  picker.pick(keys());
  looks = 0;
  for (let i = 0; i < PICKS; i++) picker.pick(keys());
  return looks / PICKS;
}

for (const name of BALANCE_POLICIES) {
  test(`${name}: a pick looks at no more instances of 10,000 than of 100`, (t) => {
    const [few, many] = [looksPerPick(name, 100), looksPerPick(name, 10_000)];
    t.true(many <= few + 2, `${few} of 100, ${many} of 10,000`);
    t.true(many <= 16, `${many}`);
  });
}
