import { Alias } from './alias.ts';
import type { Candidate, Picker, PickerContext } from './picker.ts';
import { areEqual, shares } from './weights.ts';

/** How much an instance of which everything fails is to be feared: as if it served this many requests more. */
const FAILURE_PENALTY = 10;
/** One that has not answered yet is taken to be this many times slower than the one it is compared with. */
const UNKNOWN_FACTOR = 2;

/**
 * The better of two instances drawn at random: nearly as good as asking all of them, and it costs the same for any number. What is
 * better, subclasses say. They are drawn by weight, which is what counts while nobody is busy; then it is load for its weight.
 */
abstract class TwoChoices implements Picker {
  protected readonly candidates: readonly Candidate[];
  readonly #weights: Float64Array;
  readonly #context: PickerContext;
  /** Null when all weigh the same. */
  readonly #alias: Alias | null;

  constructor(candidates: readonly Candidate[], context: PickerContext) {
    this.candidates = candidates;
    this.#context = context;
    this.#weights = shares(candidates);
    this.#alias = areEqual(this.#weights) ? null : new Alias(this.#weights);
  }

  pick(): number {
    const context = this.#context;
    const count = this.candidates.length;
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
      if (first === second) return first;
    }
    const a = this.candidates[first] as Candidate;
    const b = this.candidates[second] as Candidate;
    const busy = alias !== null && a.inFlight + b.inFlight > 0;
    const weightOfA = busy ? (this.#weights[first] as number) : 1;
    const weightOfB = busy ? (this.#weights[second] as number) : 1;
    return this.prefersSecond(a, b, weightOfA, weightOfB, context.now()) ? second : first;
  }

  /** Whether `b` is better than `a`, of which `weightOfA` and `weightOfB` say how much each can bear. */
  protected abstract prefersSecond(
    a: Candidate,
    b: Candidate,
    weightOfA: number,
    weightOfB: number,
    now: number,
  ): boolean;
}

/** The one with fewer requests under way for its weight. One that fails fast does not look idle: its failures count as requests. */
export class LeastRequest extends TwoChoices {
  protected prefersSecond(a: Candidate, b: Candidate, weightOfA: number, weightOfB: number, now: number): boolean {
    return cost(b, now) / weightOfB < cost(a, now) / weightOfA;
  }
}

function cost({ inFlight, load }: Candidate, now: number): number {
  return inFlight + 1 + FAILURE_PENALTY * load.failureShare(now);
}

/**
 * The one that is likely to answer sooner: recent latency (peaks at once, improvements over 10 s; failures are slow) times the requests
 * under way. One that has not answered yet is tried at once, and then treated with caution until it has: it might be slow, but a first
 * request that lasts for hours must not keep it out.
 */
export class PeakEwma extends TwoChoices {
  protected prefersSecond(a: Candidate, b: Candidate, weightOfA: number, weightOfB: number, now: number): boolean {
    let latencyOfA = a.load.latency(now);
    let latencyOfB = b.load.latency(now);
    if (latencyOfA === 0 && latencyOfB === 0) latencyOfA = latencyOfB = 1;
    else if (latencyOfA === 0 && a.inFlight > 0) latencyOfA = latencyOfB * UNKNOWN_FACTOR;
    else if (latencyOfB === 0 && b.inFlight > 0) latencyOfB = latencyOfA * UNKNOWN_FACTOR;
    return (latencyOfB * (b.inFlight + 1)) / weightOfB < (latencyOfA * (a.inFlight + 1)) / weightOfA;
  }
}
