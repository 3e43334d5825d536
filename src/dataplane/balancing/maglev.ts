import { hash32, mix } from '../../base/hash.ts';
import { BoundedLoad } from './bounded_load.ts';
import { indicesBefore, NEW } from './carried.ts';
import type { LocalCandidate, Picker } from './picker.ts';
import { areEqual, shares } from './weights.ts';

/**
 * Sizes of the lookup table, all prime: the first one with `ROOM` entries per instance. Beyond `USUAL` filling would hold requests up for
 * longer than what it makes more even is worth: only sets that would have fewer than `LEAST_ROOM` entries per instance get larger ones.
 */
const SIZES = [1_021, 4_093, 16_381, 40_961, 131_071, 524_287];
const ROOM = 50;
const USUAL = 40_961;
const LEAST_ROOM = 4;
/** A key whose instances are all full goes to its first choice. */
const MOST_STEPS = 64;
const NONE = -1;

/** The owner of each entry of the table; as small as it can be, to stay in the caches. */
type Entries = Uint16Array | Uint32Array;

/**
 * The same key goes to the same instance (Google's Maglev): one look into a table, filled evenly. Nearly all keys keep their instance when
 * another one leaves or joins; the ring moves fewer, the table is more even and faster.
 */
export class Maglev implements Picker {
  readonly #candidates: readonly LocalCandidate[];
  /** Of the ids. */
  readonly #hashes: Uint32Array;
  readonly #table: Entries;
  readonly #bound: BoundedLoad;

  constructor(candidates: readonly LocalCandidate[], previous: Picker | null) {
    const weights = shares(candidates);
    this.#candidates = candidates;
    this.#bound = new BoundedLoad(candidates, weights);
    this.#hashes =
      previous instanceof Maglev
        ? previous.#hashesOf(candidates)
        : Uint32Array.from(candidates, ({ id }) => hash32(id));
    this.#table = new Filling(this.#hashes, sizeFor(candidates.length)).filled(weights);
  }

  /** A third of what a change costs is hashing: once for each id. */
  #hashesOf(candidates: readonly LocalCandidate[]): Uint32Array {
    const before = indicesBefore(candidates, this.#candidates);
    const hashes = new Uint32Array(candidates.length);
    for (let i = 0; i < hashes.length; i++) {
      const old = before[i] as number;
      hashes[i] = old === NEW ? hash32((candidates[i] as LocalCandidate).id) : (this.#hashes[old] as number);
    }
    return hashes;
  }

  pick(key: number): number {
    const table = this.#table;
    const bound = this.#bound;
    bound.count();
    const first = table[key % table.length] as number;
    if (!bound.isFull(first)) return first;
    for (let step = 1; step < MOST_STEPS; step++) {
      // Keys of one full instance are spread over the others.
      const owner = table[mix(key + step) % table.length] as number;
      if (!bound.isFull(owner)) return owner;
    }
    return first;
  }
}

function sizeFor(count: number): number {
  const size = SIZES.find((prime) => prime >= count * ROOM || (prime >= USUAL && prime >= count * LEAST_ROOM));
  return size ?? (SIZES.at(-1) as number);
}

/** A number of 32 bits as one below `limit`: like the remainder, without a division. */
function below(hash: number, limit: number): number {
  return Math.trunc(hash * (limit / 2 ** 32));
}

/** A table that is being filled: each instance in turn takes the next free entry of its own permutation. */
class Filling {
  readonly #table: Entries;
  /** By instance: where its permutation goes on, and in which steps. */
  readonly #at: Int32Array;
  readonly #step: Int32Array;

  constructor(hashes: Uint32Array, size: number) {
    this.#table = hashes.length <= 2 ** 16 ? new Uint16Array(size) : new Uint32Array(size);
    this.#at = new Int32Array(hashes.length);
    this.#step = new Int32Array(hashes.length);
    for (let i = 0; i < hashes.length; i++) {
      const hash = hashes[i] as number;
      this.#at[i] = below(hash, size);
      this.#step[i] = below(mix(hash ^ 0x5bd1e995), size - 1) + 1;
    }
  }

  filled(weights: Float64Array): Entries {
    if (areEqual(weights)) this.#fillEvenly();
    else this.#fillByWeight(weights);
    return this.#table;
  }

  #fillEvenly(): void {
    const take = this.#taker();
    const members = this.#step.length;
    for (let left = this.#table.length; left > 0; ) for (let i = 0; i < members && left > 0; i++, left--) take(i);
  }

  /**
   * In rounds: who weighs a third takes part in each third one, and everybody in the first. Each round has a list of those who take part,
   * linked through arrays, so that this costs a step per entry, however different the weights are.
   */
  #fillByWeight(weights: Float64Array): void {
    const take = this.#taker();
    const rounds = this.#table.length;
    const head = new Int32Array(rounds).fill(NONE);
    const tail = new Int32Array(rounds).fill(NONE);
    const next = new Int32Array(weights.length).fill(NONE);
    const turns = new Uint32Array(weights.length);
    const enlist = (member: number): void => {
      const round = Math.floor((turns[member] as number) / (weights[member] as number));
      if (round >= rounds) return;
      next[member] = NONE;
      if (head[round] === NONE) head[round] = member;
      else next[tail[round] as number] = member;
      tail[round] = member;
    };
    for (let i = 0; i < weights.length; i++) if ((weights[i] as number) > 0) enlist(i);
    let left = rounds;
    for (let round = 0; left > 0; round++) {
      for (let member = head[round] as number; member !== NONE && left > 0; left--) {
        const following = next[member] as number;
        take(member);
        turns[member] = (turns[member] as number) + 1;
        enlist(member);
        member = following;
      }
    }
  }

  /** What gives a member the next free entry of its permutation: half a million steps for ten thousand members, so without a branch each. */
  #taker(): (member: number) => void {
    const table = this.#table;
    const size = table.length;
    const taken = new Uint8Array(size);
    const starts = this.#at;
    const steps = this.#step;
    return (member) => {
      const back = ((steps[member] as number) - size) | 0;
      let at = starts[member] as number;
      while (taken[at] !== 0) at = wrapped((at + back) | 0, size);
      taken[at] = 1;
      table[at] = member;
      starts[member] = wrapped((at + back) | 0, size);
    };
  }
}

/** An index that may be below 0, around the table. */
function wrapped(at: number, size: number): number {
  return (at + (size & (at >> 31))) | 0;
}
