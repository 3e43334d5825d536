import { BoundedLoad } from './bounded_load.ts';
import { hash32, mix } from './hash.ts';
import type { Candidate, Picker } from './picker.ts';

/** Sizes of the lookup table, all prime: the first one with room for `ROOM` entries per instance, or the last. */
const SIZES = [1_021, 4_093, 16_381, 65_537, 262_147];
const ROOM = 50;
const MOST_STEPS = 64;

/**
 * The same key goes to the same instance (Google's Maglev): one look into a table, filled evenly. Nearly all keys keep their instance when
 * another one leaves or joins; the ring moves fewer, the table is more even and faster.
 */
export class Maglev implements Picker {
  readonly #candidates: readonly Candidate[];
  readonly #table: Uint32Array;
  readonly #bound: BoundedLoad;

  constructor(candidates: readonly Candidate[]) {
    this.#candidates = candidates;
    this.#bound = new BoundedLoad(candidates);
    const size = SIZES.find((prime) => prime >= candidates.length * ROOM) ?? (SIZES.at(-1) as number);
    this.#table = fill(candidates, size);
  }

  pick(key: number): number {
    const table = this.#table;
    this.#bound.count();
    let at = key % table.length;
    const first = table[at] as number;
    for (let step = 0; step < MOST_STEPS; step++) {
      const owner = table[at] as number;
      if (!this.#bound.isFull(this.#candidates[owner] as Candidate)) return owner;
      // Keys of one full instance are spread over the others.
      at = mix(key + step + 1) % table.length;
    }
    return first;
  }
}

/** Each instance in turn takes the next free entry of its own permutation; those of greater weight take more turns. */
function fill(candidates: readonly Candidate[], size: number): Uint32Array {
  const heaviest = candidates.reduce((most, { weight }) => Math.max(most, weight), 0);
  const count = candidates.length;
  const offset = Uint32Array.from(candidates, ({ id }) => hash32(id) % size);
  const skip = Uint32Array.from(candidates, ({ id }) => (hash32(id, 0x5bd1e995) % (size - 1)) + 1);
  const share = Float64Array.from(candidates, ({ weight }) => (heaviest > 0 ? weight / heaviest : 1));
  const turns = new Float64Array(count);
  const taken = new Uint8Array(size);
  const table = new Uint32Array(size);
  for (let filled = 0; filled < size; ) {
    for (let i = 0; i < count && filled < size; i++) {
      turns[i] = (turns[i] as number) + (share[i] as number);
      if ((turns[i] as number) < 1) continue;
      turns[i] = (turns[i] as number) - 1;
      let at = offset[i] as number;
      while (taken[at] === 1) at = (at + (skip[i] as number)) % size;
      taken[at] = 1;
      table[at] = i;
      offset[i] = (at + (skip[i] as number)) % size;
      filled++;
    }
  }
  return table;
}
