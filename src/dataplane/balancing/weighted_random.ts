import { Alias } from './alias.ts';
import type { Candidate, Picker, PickerContext } from './picker.ts';
import { shares } from './weights.ts';

/** Any instance, each as likely as its weight says, each pick independent of the ones before. */
export class WeightedRandom implements Picker {
  readonly #context: PickerContext;
  readonly #alias: Alias;

  constructor(candidates: readonly Candidate[], context: PickerContext) {
    this.#context = context;
    this.#alias = new Alias(shares(candidates));
  }

  pick(): number {
    return this.#alias.draw(this.#context.random());
  }
}
