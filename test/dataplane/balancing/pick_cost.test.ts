import test from 'ava';
import { Load } from '../../../src/dataplane/balancing/load.ts';
import { LoadTable } from '../../../src/dataplane/balancing/load_table.ts';
import type { LocalCandidate } from '../../../src/dataplane/balancing/picker.ts';
import { needsOf, POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { BALANCE_POLICIES } from '../../../src/model/balancing.ts';
import { seededKeys, TestContext } from '../../support/candidates.ts';

const PICKS = 2_000;

/** How often a pick looks at an instance, or at a number in the table of loads, on the mean: what it costs, told without a clock. */
function looksPerPick(name: keyof typeof POLICIES, count: number): number {
  let looks = 0;
  const seen = <T>(value: T): T => {
    looks++;
    return value;
  };
  const loads = new LoadTable();
  const members = Array.from({ length: count }, (_, index): LocalCandidate => {
    const id = `i${String(index).padStart(5, '0')}`;
    const load = new Load(loads);
    load.inFlight = index % 3;
    return {
      get id() {
        return seen(id);
      },
      get weight() {
        return seen(1 + (index % 5));
      },
      get inFlight() {
        return seen(load).inFlight;
      },
      get load() {
        return seen(load);
      },
    };
  });
  const picker = POLICIES[name](members, null, new TestContext());
  const keys = seededKeys(5);
  loads.values = new Proxy(loads.values, { get: (values, at) => seen(Reflect.get(values, at)) });
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
    if (needsOf(name).load === true) t.true(few >= 2, `${few}: it looks at the loads of two`);
  });
}
