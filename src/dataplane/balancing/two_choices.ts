import { Alias } from './alias.ts';
import { failureShareAt, inFlightAt, Loads, latencyAt } from './load.ts';
import type { LocalCandidate, Picker, PickerContext } from './picker.ts';
import { areEqual, shares } from './weights.ts';

/** How much an instance of which everything fails is to be feared: as if it served this many requests more. */
const FAILURE_PENALTY = 10;
/** One that has not answered yet is taken to be this many times slower than the one it is compared with. */
const UNKNOWN_FACTOR = 2;

/**
 * The better of two instances drawn at random: nearly as good as asking all of them, and it costs the same for any number. What is
 * better, subclasses say. They are drawn by weight, which is what counts while nobody is busy; then it is load for its weight.
 *
 * It looks at no candidate, only at arrays: with thousands of them, each object would have to come from memory first.
 */
abstract class TwoChoices implements Picker {
  readonly #loads: Loads;
  readonly #weights: Float64Array;
  readonly #context: PickerContext;
  /** Null when all weigh the same. */
  readonly #alias: Alias | null;

  constructor(candidates: readonly LocalCandidate[], context: PickerContext) {
    this.#loads = new Loads(candidates);
    this.#context = context;
    this.#weights = shares(candidates);
    this.#alias = areEqual(this.#weights) ? null : new Alias(this.#weights);
  }

  pick(): number {
    const context = this.#context;
    const { table, lines } = this.#loads;
    const count = lines.length;
    if (count === 1) return 0;
    const alias = this.#alias;
    let first: number;
    let second: number;
    if (alias === null) {
      first = (context.random() * count) | 0;
      second = (context.random() * (count - 1)) | 0;
      // One of the others.
      if (second >= first) second++;
    } else {
      first = alias.draw(context.random());
      second = alias.draw(context.random());
      // Two are better than one. Whoever has nearly all the weight is drawn again and again: it is taken.
      if (first === second) second = alias.draw(context.random());
      if (first === second) return first;
    }
    const { values } = table;
    const a = lines[first] as number;
    const b = lines[second] as number;
    const busy = alias !== null && inFlightAt(values, a) + inFlightAt(values, b) > 0;
    const weightOfA = busy ? (this.#weights[first] as number) : 1;
    const weightOfB = busy ? (this.#weights[second] as number) : 1;
    const now = context.now();
    return this.cost(values, b, a, now) * weightOfA < this.cost(values, a, b, now) * weightOfB ? second : first;
  }

  /** What another request would cost at the instance of line `of`, which is compared with that of line `other`. */
  protected abstract cost(values: Float64Array, of: number, other: number, now: number): number;
}

/** The one with fewer requests under way for its weight. One that fails fast does not look idle: its failures count as requests. */
export class LeastRequest extends TwoChoices {
  protected cost(values: Float64Array, of: number, _other: number, now: number): number {
    return inFlightAt(values, of) + 1 + FAILURE_PENALTY * failureShareAt(values, of, now);
  }
}

/**
 * The one that is likely to answer sooner: recent latency (peaks at once, improvements over 10 s; failures are slow) times the requests
 * under way. One that has not answered yet is tried at once, and then treated with caution until it has: it might be slow, but a first
 * request that lasts for hours must not keep it out.
 */
export class PeakEwma extends TwoChoices {
  protected cost(values: Float64Array, of: number, other: number, now: number): number {
    const busy = inFlightAt(values, of);
    let latency = latencyAt(values, of, now);
    if (latency === 0) {
      const measure = latencyAt(values, other, now);
      if (measure === 0) latency = 1;
      else if (busy > 0) latency = measure * UNKNOWN_FACTOR;
    }
    return latency * (busy + 1);
  }
}
