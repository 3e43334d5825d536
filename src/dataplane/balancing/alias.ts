/** Draws members by weight in O(1): Vose's alias method. */
export class Alias {
  /** For each column two numbers, side by side: what share of it is its own, and whose the rest is. */
  readonly #columns: Float64Array;
  readonly #count: number;

  /** @param weights from 0 to 1, at least one of them 1: `shares` gives them */
  constructor(weights: Float64Array) {
    const count = weights.length;
    const heaviest = weights.indexOf(1);
    let total = 0;
    for (let i = 0; i < count; i++) total += weights[i] as number;
    const left = weights.map((weight) => (weight * count) / total);
    this.#count = count;
    const columns = new Float64Array(2 * count).fill(1);
    this.#columns = columns;
    const small = new Uint32Array(count);
    const large = new Uint32Array(count);
    let smalls = 0;
    let larges = 0;
    for (let i = 0; i < count; i++) {
      if ((left[i] as number) < 1) small[smalls++] = i;
      else large[larges++] = i;
    }
    // What a small one leaves of its column is filled with a large one.
    while (smalls > 0 && larges > 0) {
      const less = small[--smalls] as number;
      const more = large[larges - 1] as number;
      columns[2 * less] = left[less] as number;
      columns[2 * less + 1] = more;
      left[more] = (left[more] as number) + (left[less] as number) - 1;
      if ((left[more] as number) < 1) small[smalls++] = large[--larges] as number;
    }
    // Those that rounding leaves are whole, but for one without weight.
    for (; smalls > 0; smalls--) {
      const rest = small[smalls - 1] as number;
      if (weights[rest] !== 0) continue;
      columns[2 * rest] = 0;
      columns[2 * rest + 1] = heaviest;
    }
  }

  /** @param random from 0 to 1, 1 excluded */
  draw(random: number): number {
    const at = random * this.#count;
    const column = at | 0;
    return at - column < (this.#columns[2 * column] as number) ? column : (this.#columns[2 * column + 1] as number);
  }
}
