import { type Balance, type BalancePolicy, isModulePath } from '../../model/balancing.ts';
import { Maglev } from './maglev.ts';
import { Orca } from './orca.ts';
import { PickFirst } from './pick_first.ts';
import type { PickerFactory } from './picker.ts';
import { Random } from './random.ts';
import { RingHash } from './ring_hash.ts';
import { RoundRobin } from './round_robin.ts';
import { LeastRequest, PeakEwma } from './two_choices.ts';
import { WeightedRandom } from './weighted_random.ts';
import { WeightedRoundRobin } from './weighted_round_robin.ts';

/** Every policy that `balance:` can name. */
export const POLICIES: Readonly<Record<BalancePolicy, PickerFactory>> = {
  round_robin: (candidates, previous, context) => new RoundRobin(candidates, previous, context),
  random: (candidates, _previous, context) => new Random(candidates, context),
  pick_first: (candidates) => new PickFirst(candidates),
  weighted_round_robin: (candidates, previous, context) => new WeightedRoundRobin(candidates, previous, context),
  weighted_random: (candidates, _previous, context) => new WeightedRandom(candidates, context),
  least_request: (candidates, _previous, context) => new LeastRequest(candidates, context),
  peak_ewma: (candidates, _previous, context) => new PeakEwma(candidates, context),
  ring_hash: (candidates, previous) => new RingHash(candidates, previous),
  maglev: (candidates, previous) => new Maglev(candidates, previous),
  orca: (candidates, previous, context) => new Orca(candidates, previous, context),
};

/** What a policy needs to be told; what it does not need is not computed. A module may need anything. */
interface Needs {
  /** It goes by the key of the request. */
  readonly key?: boolean;
  /** It looks at latency and failures. */
  readonly load?: boolean;
  /** It looks at the instances' load reports. */
  readonly reports?: boolean;
  /** It always means one instance in particular: a gentle start would tear keys apart. */
  readonly exact?: boolean;
}

const OF_MODULES: Needs = { key: true, load: true, reports: true };

const NEEDS: Readonly<Record<BalancePolicy, Needs>> = {
  round_robin: {},
  random: {},
  pick_first: { exact: true },
  weighted_round_robin: {},
  weighted_random: {},
  least_request: { load: true },
  peak_ewma: { load: true },
  ring_hash: { key: true, exact: true },
  maglev: { key: true, exact: true },
  orca: { reports: true },
};

/** What `balance` needs. */
export function needsOf(balance: Balance): Needs {
  return isModulePath(balance) ? OF_MODULES : NEEDS[balance];
}
