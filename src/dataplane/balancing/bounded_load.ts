import type { Candidate } from './picker.ts';

/** An instance may have this many times the mean of the requests under way before a key goes to its next choice. */
const BOUND = 1.25;

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam): whether one more request is too many for `candidate`. The
 * mean over its set is taken anew after as many picks as there are members, so that it costs O(1) each.
 */
export class BoundedLoad {
  readonly #candidates: readonly Candidate[];
  #left = 0;
  #mean = 0;
  #since = 0;

  constructor(candidates: readonly Candidate[]) {
    this.#candidates = candidates;
  }

  /** One more request is about to be placed. */
  count(): void {
    this.#since++;
    if (this.#left-- > 0) return;
    let sum = 0;
    for (const { inFlight } of this.#candidates) sum += inFlight;
    this.#mean = sum / this.#candidates.length;
    this.#left = Math.max(16, this.#candidates.length);
    this.#since = 1;
  }

  isFull(candidate: Candidate): boolean {
    // Those placed since the mean was taken may all be under way still.
    const mean = this.#mean + this.#since / this.#candidates.length;
    return candidate.inFlight + 1 > Math.max(1, Math.ceil(mean * BOUND));
  }
}
