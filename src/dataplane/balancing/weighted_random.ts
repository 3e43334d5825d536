import type { Candidate, Picker, PickerContext } from './picker.ts';

/** Any instance, each as likely as its weight says, each pick independent of the ones before (Vose's alias method: O(1)). */
export class WeightedRandom implements Picker {
  readonly #context: PickerContext;
  readonly #share: Float64Array;
  readonly #alias: Uint32Array;

  constructor(candidates: readonly Candidate[], _previous: Picker | null, context: PickerContext) {
    this.#context = context;
    const count = candidates.length;
    this.#share = new Float64Array(count).fill(1);
    this.#alias = Uint32Array.from({ length: count }, (_, index) => index);
    let total = 0;
    for (const { weight } of candidates) total += weight;
    if (total <= 0) return;
    const scaled = Float64Array.from(candidates, ({ weight }) => (weight * count) / total);
    const small: number[] = [];
    const large: number[] = [];
    for (let i = 0; i < count; i++) ((scaled[i] as number) < 1 ? small : large).push(i);
    // What a small one leaves of its column is filled with a large one.
    while (small.length > 0 && large.length > 0) {
      const less = small.pop() as number;
      const more = large[large.length - 1] as number;
      this.#share[less] = scaled[less] as number;
      this.#alias[less] = more;
      scaled[more] = (scaled[more] as number) + (scaled[less] as number) - 1;
      if ((scaled[more] as number) < 1) small.push(large.pop() as number);
    }
    // Rounding leaves some near 1: they are whole. One without weight must not be.
    for (const rest of small) if ((candidates[rest] as Candidate).weight === 0) this.#share[rest] = 0;
  }

  pick(): number {
    const at = this.#context.random() * this.#share.length;
    const column = at | 0;
    return at - column < (this.#share[column] as number) ? column : (this.#alias[column] as number);
  }
}
