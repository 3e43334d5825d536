import { BoundedLoad } from './bounded_load.ts';
import { hash32, mix } from './hash.ts';
import type { Candidate, Picker } from './picker.ts';

/** Points on the ring for an instance of mean weight, and about how many there may be in all. */
const POINTS = 160;
const MOST_POINTS = 65_536;
/** A key whose instances are all full goes to its first choice: better than searching the whole ring. */
const MOST_STEPS = 64;

/**
 * The same key goes to the same instance, for as long as it is there (ketama's ring): an instance that leaves gives up only its own keys,
 * and one that joins takes its share evenly from all.
 */
export class RingHash implements Picker {
  readonly #candidates: readonly Candidate[];
  /** Points in order, and the candidate that each belongs to. */
  readonly #points: Uint32Array;
  readonly #owners: Uint32Array;
  readonly #bound: BoundedLoad;

  constructor(candidates: readonly Candidate[]) {
    this.#candidates = candidates;
    this.#bound = new BoundedLoad(candidates);
    const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
    const perMember = Math.max(1, Math.min(POINTS, Math.floor(MOST_POINTS / candidates.length)));
    const pairs: number[] = [];
    for (const [index, { id, weight }] of candidates.entries()) {
      const share = total > 0 ? (weight * candidates.length) / total : 1;
      const count = share === 0 ? 0 : Math.max(1, Math.round(perMember * share));
      let point = hash32(id);
      for (let i = 0; i < count; i++) {
        point = mix(point + 0x9e3779b9 + i);
        // Both in one number (32 and 21 bits): typed arrays of numbers sort without a callback.
        pairs.push(point * 0x20_0000 + index);
      }
    }
    const sorted = Float64Array.from(pairs).sort();
    this.#points = new Uint32Array(sorted.length);
    this.#owners = new Uint32Array(sorted.length);
    for (let i = 0; i < sorted.length; i++) {
      const pair = sorted[i] as number;
      this.#points[i] = Math.floor(pair / 0x20_0000);
      this.#owners[i] = pair % 0x20_0000;
    }
  }

  pick(key: number): number {
    const count = this.#owners.length;
    const first = this.#indexOf(key);
    this.#bound.count();
    for (let step = 0; step < Math.min(count, MOST_STEPS); step++) {
      const owner = this.#owners[(first + step) % count] as number;
      if (!this.#bound.isFull(this.#candidates[owner] as Candidate)) return owner;
    }
    return this.#owners[first] as number;
  }

  /** The first point at or after `key`, around the ring. */
  #indexOf(key: number): number {
    const points = this.#points;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }
}
