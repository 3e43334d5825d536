import { inFlightAt, Loads } from './load.ts';
import type { LocalCandidate } from './picker.ts';

/** An instance may have this many times its share of the requests under way before a key goes to its next choice. */
const BOUND = 1.25;
/** As many requests as this are never too many: with little under way the mean says nothing, and keys would be torn apart for it. */
const LEAST_BOUND = 8;

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam): whether one more request is too many for an instance. The
 * mean over its set is taken anew after as many picks as there are members, so that it costs O(1) each.
 */
export class BoundedLoad {
  readonly #loads: Loads;
  /** By member, its share of the set's weight times the number of members. */
  readonly #share: Float64Array;
  #left = 0;
  #mean = 0;
  #since = 0;

  /** @param weights from 0 to 1, and not all 0: `shares` gives them */
  constructor(candidates: readonly LocalCandidate[], weights: Float64Array) {
    this.#loads = new Loads(candidates);
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i] as number;
    this.#share = new Float64Array(weights.length);
    for (let i = 0; i < weights.length; i++) this.#share[i] = ((weights[i] as number) * weights.length) / total;
  }

  /** One more request is about to be placed. */
  count(): void {
    this.#since++;
    if (this.#left-- > 0) return;
    const { table, lines } = this.#loads;
    let sum = 0;
    for (let i = 0; i < lines.length; i++) sum += inFlightAt(table.values, lines[i] as number);
    this.#mean = sum / lines.length;
    this.#left = lines.length - 1;
    this.#since = 1;
  }

  isFull(index: number): boolean {
    const { table, lines } = this.#loads;
    const inFlight = inFlightAt(table.values, lines[index] as number);
    if (inFlight < LEAST_BOUND) return false;
    // Those placed since the mean was taken may all be under way still.
    const mean = this.#mean + this.#since / lines.length;
    return inFlight + 1 > Math.ceil(mean * BOUND * (this.#share[index] as number));
  }
}
