/** What a pick costs, for each policy and for services of very different sizes: it must not grow with the number of instances. */
import { Load } from '../../src/dataplane/balancing/load.ts';
import { LoadTable } from '../../src/dataplane/balancing/load_table.ts';
import type { LocalCandidate, Picker } from '../../src/dataplane/balancing/picker.ts';
import { POLICIES } from '../../src/dataplane/balancing/policies.ts';
import type { BalancePolicy } from '../../src/model/balancing.ts';
import { keep, measure } from './measure.ts';

const SIZES = [3, 100, 10_000] as const;
const WARM_UP = 200_000;
const CONTEXT = { random: Math.random, now: () => 0 };

/** Sorted by id, with weights that are not all alike. */
function candidates(count: number): LocalCandidate[] {
  const loads = new LoadTable();
  return Array.from({ length: count }, (_, index) => {
    const load = new Load(loads);
    load.inFlight = index % 4;
    return { id: `10.0.0.1:${String(10_000 + index)}`, weight: 1 + (index % 3), inFlight: index % 4, load };
  });
}

const cases = (Object.keys(POLICIES) as BalancePolicy[]).flatMap((policy) =>
  SIZES.map((size) => ({ policy, size, picker: POLICIES[policy](candidates(size), null, CONTEXT) })),
);

function pick(picker: Picker, times: number): void {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += picker.pick(Math.imul(i, 0x9e3779b9) >>> 0);
  keep(sum);
}

// All of them first: else the first of a policy pays for the compiler's having seen only the policy before it.
for (let round = 0; round < 3; round++) for (const { picker } of cases) pick(picker, WARM_UP);
for (const { policy, size, picker } of cases) {
  measure(`pick by ${policy} among ${size}`, (times) => pick(picker, times));
}
