import type { Candidate, Picker } from './picker.ts';

/** Any instance, all equally likely, each pick independent of the ones before. */
export class Random implements Picker {
  readonly #count: number;
  readonly #random: () => number;

  constructor(candidates: readonly Candidate[], _previous: Picker | null, random: () => number) {
    this.#count = candidates.length;
    this.#random = random;
  }

  pick(): number {
    // Truncates as Math.floor does for positive numbers, without its branch for -0.
    return (this.#random() * this.#count) | 0;
  }
}
