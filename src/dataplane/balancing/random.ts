import type { Candidate, Picker, PickerContext } from './picker.ts';

/** Any instance, all equally likely, each pick independent of the ones before. */
export class Random implements Picker {
  readonly #count: number;
  readonly #context: PickerContext;

  constructor(candidates: readonly Candidate[], context: PickerContext) {
    this.#count = candidates.length;
    this.#context = context;
  }

  pick(): number {
    // Truncates as Math.floor does for positive numbers, without its branch for -0.
    return (this.#context.random() * this.#count) | 0;
  }
}
