import { indicesBefore, NEW } from './carried.ts';
import type { Candidate, PickerContext } from './picker.ts';
import { Schedule } from './schedule.ts';

/** A schedule over candidates that hands its members' phases on to the next one. */
export class Scheduled {
  readonly #candidates: readonly Candidate[];
  readonly #schedule: Schedule;

  /**
   * @param weights as `Schedule` wants them
   * @param previous whose members keep their phases; those that are new, or all if there is none, get any: sidecars that start together
   * must not all begin with the same instance
   */
  constructor(
    candidates: readonly Candidate[],
    weights: Float64Array,
    previous: Scheduled | null,
    context: PickerContext,
  ) {
    this.#candidates = candidates;
    const phases = new Float64Array(candidates.length);
    const before = indicesBefore(candidates, previous === null ? [] : previous.#candidates);
    for (let i = 0; i < phases.length; i++) {
      const old = before[i] as number;
      phases[i] = previous === null || old === NEW ? context.random() : previous.#schedule.phase(old);
    }
    this.#schedule = new Schedule(weights, phases);
  }

  next(): number {
    return this.#schedule.next();
  }

  reweigh(weights: Float64Array): void {
    this.#schedule.reweigh(weights);
  }
}
