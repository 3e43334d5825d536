import type { Candidate, Picker, PickerContext } from './picker.ts';

/**
 * Each instance in turn, in order of id. The position survives changes of the set: the next pick is the instance that follows
 * the one picked last, whoever joined or left.
 */
export class RoundRobin implements Picker {
  readonly #candidates: readonly Candidate[];
  #next: number;
  /** The last pick of the picker before, for as long as this one has not picked. */
  readonly #inherited: string | null;
  #picked = false;

  constructor(candidates: readonly Candidate[], previous: Picker | null, context: PickerContext) {
    this.#candidates = candidates;
    const last = previous instanceof RoundRobin ? previous.#last() : null;
    this.#inherited = last;
    // Sidecars that start together must not all begin with the same instance.
    this.#next = last === null ? Math.floor(context.random() * candidates.length) : follower(candidates, last);
  }

  pick(): number {
    const index = this.#next;
    this.#next = index + 1 === this.#candidates.length ? 0 : index + 1;
    this.#picked = true;
    return index;
  }

  #last(): string | null {
    if (!this.#picked) return this.#inherited;
    const index = this.#next === 0 ? this.#candidates.length - 1 : this.#next - 1;
    return (this.#candidates[index] as Candidate).id;
  }
}

/** The index of the first candidate whose id is greater than `id`, or 0. */
function follower(candidates: readonly Candidate[], id: string): number {
  let low = 0;
  let high = candidates.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((candidates[middle] as Candidate).id <= id) low = middle + 1;
    else high = middle;
  }
  return low === candidates.length ? 0 : low;
}
