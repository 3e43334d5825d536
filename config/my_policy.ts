// A policy of your own: `balance: ./my_policy.ts` (or .js, or .mjs, which needs less memory). `outrigger check` tries it out.
//
// The default export makes pickers. It is called whenever the set of instances that can take a request changes, or the weight of one;
// `pick` is called for each request, inside the data thread: it must not wait, and what it costs, every request costs. The module is
// loaded again when its file changes. When it throws, or picks what is none, round robin takes over for that request; that is logged
// once, and counted in outrigger_policy_faults_total.
//
// The types are erased before it runs. With an installed package they are at `outrigger/src/dataplane/balancing/picker.ts`.
import type { Candidate, Picker, PickerContext } from '../src/dataplane/balancing/picker.ts';

/** Of three instances drawn by chance, the one that is likely to answer first; one of which half the requests fail, only if need be. */
class FastOfThree implements Picker {
  readonly candidates: readonly Candidate[];
  readonly context: PickerContext;
  /** Picks so far, those of the pickers before included: what must survive a change of the set is taken over. */
  picks: number;

  constructor(candidates: readonly Candidate[], previous: FastOfThree | null, context: PickerContext) {
    this.candidates = candidates;
    this.context = context;
    this.picks = previous === null ? 0 : previous.picks;
  }

  /** An index into the candidates. `key` is a hash of what `hash_on` names, from 0 to 2^32 - 1; this policy has no use for it. */
  pick(_key: number): number {
    this.picks++;
    let best = this.draw();
    for (let i = 1; i < 3; i++) {
      const other = this.draw();
      if (this.cost(other) < this.cost(best)) best = other;
    }
    return best;
  }

  draw(): number {
    return Math.floor(this.context.random() * this.candidates.length);
  }

  cost(index: number): number {
    const { inFlight, weight, load } = this.candidates[index] as Candidate;
    const now = this.context.now();
    // 0 ms: it has not answered anything yet.
    const latency = load.latency(now) || 1;
    return (latency * (inFlight + 1) * (load.failureShare(now) > 0.5 ? 100 : 1)) / Math.max(weight, 0.001);
  }
}

/** `candidates` are sorted by id and never empty; `previous` is what this function made before, null at first. */
export default (candidates: readonly Candidate[], previous: Picker | null, context: PickerContext): Picker =>
  new FastOfThree(candidates, previous as FastOfThree | null, context);
