import type { Candidate, Picker, PickerContext } from './picker.ts';
import { Scheduled } from './scheduled.ts';
import { normalize } from './weights.ts';

/** How often weights are taken from the reports anew, in milliseconds (gRFC A58, weight_update_period). */
const UPDATE_PERIOD = 1_000;

/**
 * Weighted round robin whose weights come from the instances' own load reports (gRFC A58). One that has not reported counts as the mean
 * of those that have; without any report it is plain round robin.
 */
export class Orca implements Picker {
  readonly #candidates: readonly Candidate[];
  readonly #context: PickerContext;
  readonly #weights: Float64Array;
  readonly #scheduled: Scheduled;
  #updatedAt: number;

  constructor(candidates: readonly Candidate[], previous: Picker | null, context: PickerContext) {
    this.#candidates = candidates;
    this.#context = context;
    this.#updatedAt = context.now();
    this.#weights = new Float64Array(candidates.length);
    this.#readReports(this.#updatedAt);
    const before = previous instanceof Orca ? previous.#scheduled : null;
    this.#scheduled = new Scheduled(candidates, this.#weights, before, context);
  }

  pick(): number {
    const now = this.#context.now();
    if (now - this.#updatedAt >= UPDATE_PERIOD) {
      this.#updatedAt = now;
      this.#readReports(now);
      this.#scheduled.reweigh(this.#weights);
    }
    return this.#scheduled.next();
  }

  #readReports(now: number): void {
    const weights = this.#weights;
    let sum = 0;
    let reported = 0;
    for (let i = 0; i < weights.length; i++) {
      const weight = (this.#candidates[i] as Candidate).load.reportedWeight(now);
      weights[i] = weight;
      sum += weight;
      if (weight > 0) reported++;
    }
    const mean = reported === 0 ? 1 : Math.min(sum / reported, Number.MAX_VALUE);
    for (let i = 0; i < weights.length; i++) if (weights[i] === 0) weights[i] = mean;
    normalize(weights);
  }
}
