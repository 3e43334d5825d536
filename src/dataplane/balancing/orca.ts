import type { Candidate, Picker, PickerContext } from './picker.ts';
import { Schedule } from './schedule.ts';
import { randomPhases } from './weighted_round_robin.ts';

/** How often weights are taken from the reports anew, in milliseconds (gRFC A58, weight_update_period). */
const UPDATE_PERIOD = 1_000;

/**
 * Weighted round robin whose weights come from the instances' own load reports (gRFC A58). One that has not reported counts as the mean
 * of those that have; without any report it is plain round robin.
 */
export class Orca implements Picker {
  readonly #candidates: readonly Candidate[];
  readonly #context: PickerContext;
  #schedule: Schedule;
  #updatedAt: number;

  constructor(candidates: readonly Candidate[], previous: Picker | null, context: PickerContext) {
    this.#candidates = candidates;
    this.#context = context;
    this.#updatedAt = context.now();
    const phases =
      previous instanceof Orca && previous.#candidates.length === candidates.length
        ? previous.#phases()
        : randomPhases(candidates.length, context);
    this.#schedule = new Schedule(this.#weights(), phases);
  }

  pick(): number {
    const now = this.#context.now();
    if (now - this.#updatedAt >= UPDATE_PERIOD) {
      this.#updatedAt = now;
      this.#schedule = new Schedule(this.#weights(), this.#phases());
    }
    return this.#schedule.next();
  }

  #phases(): Float64Array {
    return Float64Array.from(this.#candidates, (_, index) => this.#schedule.phase(index));
  }

  #weights(): Float64Array {
    const now = this.#context.now();
    const weights = Float64Array.from(this.#candidates, ({ load }) => load.reportedWeight(now));
    let sum = 0;
    let reported = 0;
    for (const weight of weights) {
      sum += weight;
      if (weight > 0) reported++;
    }
    const mean = reported === 0 ? 1 : sum / reported;
    for (let i = 0; i < weights.length; i++) if (weights[i] === 0) weights[i] = mean;
    return weights;
  }
}
