import type { BalancePolicy } from '../../model/service.ts';
import type { PickerFactory } from './picker.ts';
import { Random } from './random.ts';
import { RoundRobin } from './round_robin.ts';

/** Every policy that `balance:` can name. */
export const POLICIES: Readonly<Record<BalancePolicy, PickerFactory>> = {
  round_robin: (candidates, previous, random) => new RoundRobin(candidates, previous, random),
  random: (candidates, previous, random) => new Random(candidates, previous, random),
};
