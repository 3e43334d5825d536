import type { Candidate, Picker } from './picker.ts';

/**
 * Always the same instance: the one of the greatest weight, and among equals the first by id. The others only take over while it cannot
 * take requests: when it is back, so are they.
 */
export class PickFirst implements Picker {
  readonly #first: number;

  constructor(candidates: readonly Candidate[]) {
    let first = 0;
    for (let i = 1; i < candidates.length; i++) {
      if ((candidates[i] as Candidate).weight > (candidates[first] as Candidate).weight) first = i;
    }
    this.#first = first;
  }

  pick(): number {
    return this.#first;
  }
}
