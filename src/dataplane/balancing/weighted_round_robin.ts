import type { Candidate, Picker, PickerContext } from './picker.ts';
import { Scheduled } from './scheduled.ts';
import { shares } from './weights.ts';

/**
 * Each instance as often as its weight says, and as evenly: no bursts. Where each stands in its turn survives changes of the set and of
 * weights.
 */
export class WeightedRoundRobin implements Picker {
  readonly #scheduled: Scheduled;

  constructor(candidates: readonly Candidate[], previous: Picker | null, context: PickerContext) {
    const before = previous instanceof WeightedRoundRobin ? previous.#scheduled : null;
    this.#scheduled = new Scheduled(candidates, shares(candidates), before, context);
  }

  pick(): number {
    return this.#scheduled.next();
  }
}
