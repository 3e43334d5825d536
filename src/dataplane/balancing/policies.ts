import type { BalancePolicy } from '../../model/balancing.ts';
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
  random: (candidates, previous, context) => new Random(candidates, previous, context),
  pick_first: (candidates) => new PickFirst(candidates),
  weighted_round_robin: (candidates, previous, context) => new WeightedRoundRobin(candidates, previous, context),
  weighted_random: (candidates, previous, context) => new WeightedRandom(candidates, previous, context),
  least_request: (candidates, previous, context) => new LeastRequest(candidates, previous, context),
  peak_ewma: (candidates, previous, context) => new PeakEwma(candidates, previous, context),
  ring_hash: (candidates) => new RingHash(candidates),
  maglev: (candidates) => new Maglev(candidates),
  orca: (candidates, previous, context) => new Orca(candidates, previous, context),
};
