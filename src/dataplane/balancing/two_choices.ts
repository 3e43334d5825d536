import type { Candidate, Picker, PickerContext } from './picker.ts';

/** How much an instance of which everything fails is to be feared: as if it served this many requests more. */
const FAILURE_PENALTY = 10;

/**
 * The better of two instances drawn at random: nearly as good as asking all of them, and it costs the same for any number. What is
 * better, subclasses say.
 */
abstract class TwoChoices implements Picker {
  protected readonly candidates: readonly Candidate[];
  protected readonly context: PickerContext;

  constructor(candidates: readonly Candidate[], context: PickerContext) {
    this.candidates = candidates;
    this.context = context;
  }

  pick(): number {
    const count = this.candidates.length;
    if (count === 1) return 0;
    const first = (this.context.random() * count) | 0;
    // One of the others.
    let second = (this.context.random() * (count - 1)) | 0;
    if (second >= first) second++;
    const now = this.context.now();
    const a = this.cost(this.candidates[first] as Candidate, now);
    const b = this.cost(this.candidates[second] as Candidate, now);
    return b < a ? second : first;
  }

  protected abstract cost(candidate: Candidate, now: number): number;
}

/** The one with fewer requests under way for its weight. One that fails fast does not look idle: its failures count as requests. */
export class LeastRequest extends TwoChoices {
  constructor(candidates: readonly Candidate[], _previous: Picker | null, context: PickerContext) {
    super(candidates, context);
  }

  protected cost({ inFlight, weight, load }: Candidate, now: number): number {
    return (inFlight + 1 + FAILURE_PENALTY * load.failureShare(now)) / weight;
  }
}

/**
 * The one that is likely to answer sooner: recent latency (peaks at once, improvements over 10 s; failures are slow) times the requests
 * under way. One of which nothing is known is tried with one request at a time.
 */
export class PeakEwma extends TwoChoices {
  constructor(candidates: readonly Candidate[], _previous: Picker | null, context: PickerContext) {
    super(candidates, context);
  }

  protected cost({ inFlight, weight, load }: Candidate, now: number): number {
    const latency = load.latency(now);
    if (latency === 0 && inFlight > 0) return Number.MAX_VALUE;
    return (latency * (inFlight + 1)) / weight;
  }
}
