import { hash32, mix } from '../../base/hash.ts';
import { BoundedLoad } from './bounded_load.ts';
import { indicesBefore, NEW } from './carried.ts';
import type { LocalCandidate, Picker } from './picker.ts';
import { shares } from './weights.ts';

/** Points on the ring for an instance of mean weight, and about how many there may be in all. */
const POINTS = 160;
const MOST_POINTS = 65_536;
/** A key whose instances are all full goes to its first choice: better than searching the whole ring. */
const MOST_STEPS = 64;
/** Point and candidate are sorted as one number of 32 and 21 bits: typed arrays of numbers sort without a callback. */
const OWNERS = 2 ** 21;
const GOLDEN = 0x9e3779b9;
/** Of a point whose candidate has left, or has other points now. */
const NOBODY = -1;

/** Points in order, and the candidate that each belongs to. */
interface Ring {
  readonly points: Uint32Array;
  readonly owners: Uint32Array;
}

/**
 * The same key goes to the same instance, for as long as it is there (ketama's ring): an instance that leaves gives up only its own keys,
 * and one that joins takes its share evenly from all. A change of a few costs no sorting of all.
 */
export class RingHash implements Picker {
  readonly #candidates: readonly LocalCandidate[];
  /** Points of each candidate. */
  readonly #counts: Uint32Array;
  readonly #ring: Ring;
  readonly #bound: BoundedLoad;

  constructor(candidates: readonly LocalCandidate[], previous: Picker | null) {
    const weights = shares(candidates);
    this.#candidates = candidates;
    this.#bound = new BoundedLoad(candidates, weights);
    this.#counts = countPoints(candidates, weights);
    this.#ring = previous instanceof RingHash ? this.#changed(previous) : this.#made();
  }

  pick(key: number): number {
    const { owners } = this.#ring;
    const bound = this.#bound;
    bound.count();
    let at = this.#indexOf(key);
    const first = owners[at] as number;
    if (!bound.isFull(first)) return first;
    for (let step = 1; step < MOST_STEPS; step++) {
      at = at + 1 === owners.length ? 0 : at + 1;
      const owner = owners[at] as number;
      if (!bound.isFull(owner)) return owner;
    }
    return first;
  }

  /** The first point at or after `key`, around the ring. */
  #indexOf(key: number): number {
    const { points } = this.#ring;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }

  #made(): Ring {
    const all = Uint32Array.from(this.#candidates, (_, index) => index);
    return this.#pointsOf(all, all.length);
  }

  /** The points of the first `length` of `members`, in order. */
  #pointsOf(members: Uint32Array, length: number): Ring {
    let total = 0;
    for (let i = 0; i < length; i++) total += this.#counts[members[i] as number] as number;
    const pairs = new Float64Array(total);
    let at = 0;
    for (let i = 0; i < length; i++) {
      const member = members[i] as number;
      const hash = hash32((this.#candidates[member] as LocalCandidate).id);
      const count = this.#counts[member] as number;
      for (let turn = 1; turn <= count; turn++) pairs[at++] = mix(hash + Math.imul(turn, GOLDEN)) * OWNERS + member;
    }
    pairs.sort();
    const points = new Uint32Array(total);
    const owners = new Uint32Array(total);
    for (let i = 0; i < total; i++) {
      const pair = pairs[i] as number;
      const point = Math.floor(pair / OWNERS);
      points[i] = point;
      owners[i] = pair - point * OWNERS;
    }
    return { points, owners };
  }

  /** The ring before, without the points of those who left, and with those of the new ones: the same as a new one. */
  #changed(before: RingHash): Ring {
    const fresh = new Uint32Array(this.#candidates.length);
    const nowOf = new Int32Array(before.#candidates.length).fill(NOBODY);
    const indices = indicesBefore(this.#candidates, before.#candidates);
    let news = 0;
    for (let i = 0; i < indices.length; i++) {
      const old = indices[i] as number;
      if (old !== NEW && before.#counts[old] === this.#counts[i]) nowOf[old] = i;
      else fresh[news++] = i;
    }
    if (news * 2 > this.#candidates.length) return this.#made();
    return merged(before.#ring, nowOf, this.#pointsOf(fresh, news));
  }
}

/** `before` with its owners renamed, without those that are nobody now, and `added`. */
function merged(before: Ring, nowOf: Int32Array, added: Ring): Ring {
  let kept = 0;
  for (let i = 0; i < before.owners.length; i++) if (nowOf[before.owners[i] as number] !== NOBODY) kept++;
  const total = kept + added.points.length;
  const points = new Uint32Array(total);
  const owners = new Uint32Array(total);
  let from = 0;
  let at = 0;
  for (let i = 0; i <= before.owners.length; i++) {
    const last = i === before.owners.length;
    const owner = last ? NOBODY : (nowOf[before.owners[i] as number] as number);
    if (!last && owner === NOBODY) continue;
    const point = last ? Number.POSITIVE_INFINITY : (before.points[i] as number);
    while (from < added.points.length) {
      const next = added.points[from] as number;
      const nextOwner = added.owners[from] as number;
      if (next > point || (next === point && nextOwner > owner)) break;
      points[at] = next;
      owners[at++] = nextOwner;
      from++;
    }
    if (last) break;
    points[at] = point;
    owners[at++] = owner;
  }
  return { points, owners };
}

/**
 * How many points each candidate has. What they are measured by is a power of two near the mean weight: if it were the mean itself, each
 * change would move points of everybody.
 */
function countPoints(candidates: readonly LocalCandidate[], weights: Float64Array): Uint32Array {
  const perMember = Math.max(1, Math.min(POINTS, Math.floor(MOST_POINTS / candidates.length)));
  let heaviest = 0;
  let total = 0;
  for (let i = 0; i < weights.length; i++) {
    heaviest = Math.max(heaviest, (candidates[i] as LocalCandidate).weight || 0);
    total += weights[i] as number;
  }
  const unit = heaviest === 0 ? 1 : Math.max(1e-100, Math.min(1e100, heaviest));
  const measure = 2 ** Math.round(Math.log2((unit * total) / weights.length));
  const points = (weight: number): number => Math.max(1, Math.round((perMember * weight * unit) / measure));
  const counts = new Uint32Array(weights.length);
  for (let i = 0; i < counts.length; i++) counts[i] = weights[i] === 0 ? 0 : points(weights[i] as number);
  return counts;
}
