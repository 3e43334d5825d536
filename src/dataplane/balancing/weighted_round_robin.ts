import type { Candidate, Picker, PickerContext } from './picker.ts';
import { Schedule } from './schedule.ts';

/**
 * Each instance as often as its weight says, and as evenly: no bursts. Where each stands in its turn survives changes of the set and of
 * weights.
 */
export class WeightedRoundRobin implements Picker {
  readonly #candidates: readonly Candidate[];
  readonly #schedule: Schedule;

  constructor(candidates: readonly Candidate[], previous: Picker | null, context: PickerContext) {
    this.#candidates = candidates;
    const weights = Float64Array.from(candidates, ({ weight }) => weight);
    this.#schedule = new Schedule(
      weights,
      previous instanceof WeightedRoundRobin ? previous.#phases(candidates, context) : randomPhases(weights.length, context),
    );
  }

  pick(): number {
    return this.#schedule.next();
  }

  /** The phases of `candidates`: kept for those that were here, and any for those that are new. */
  #phases(candidates: readonly Candidate[], context: PickerContext): Float64Array {
    const phases = new Float64Array(candidates.length);
    let old = 0;
    for (const [at, { id }] of candidates.entries()) {
      while (old < this.#candidates.length && (this.#candidates[old] as Candidate).id < id) old++;
      const known = old < this.#candidates.length && (this.#candidates[old] as Candidate).id === id;
      phases[at] = known ? this.#schedule.phase(old) : context.random();
    }
    return phases;
  }
}

/** Sidecars that start together must not all begin with the same instance. */
export function randomPhases(count: number, context: PickerContext): Float64Array {
  return Float64Array.from({ length: count }, () => context.random());
}
