import test from 'ava';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { BALANCE_POLICIES, type BalancePolicy } from '../../../src/model/balancing.ts';
import { type PolicyTraits, policyContract } from '../../contract/policy.ts';

const TRAITS: Readonly<Record<BalancePolicy, PolicyTraits>> = {
  round_robin: { weighted: false, spreads: true },
  random: { weighted: false, spreads: true },
  pick_first: { weighted: true, spreads: false },
  weighted_round_robin: { weighted: true, spreads: true },
  weighted_random: { weighted: true, spreads: true },
  least_request: { weighted: true, spreads: true },
  peak_ewma: { weighted: true, spreads: true },
  ring_hash: { weighted: true, spreads: true },
  maglev: { weighted: true, spreads: true },
  orca: { weighted: false, spreads: true },
};

for (const name of BALANCE_POLICIES) policyContract(name, POLICIES[name], TRAITS[name]);

test('every policy has been held against the contract', (t) => {
  t.deepEqual(Object.keys(TRAITS), [...BALANCE_POLICIES]);
});
