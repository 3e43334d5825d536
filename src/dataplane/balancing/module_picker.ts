import type { LoadView } from './load.ts';
import type { Candidate, Picker, PickerContext, PickerFactory } from './picker.ts';
import type { RoundRobin } from './round_robin.ts';

/** A policy of the user's own, watched: what it does wrong is told, and round robin takes its place for that request. */
export class ModulePicker implements Picker {
  readonly spare: RoundRobin;
  readonly #count: number;
  readonly #factory: PickerFactory<Candidate>;
  readonly #failed: (kind: string, detail: string) => void;
  /** Null when it could not be made. */
  readonly #own: Picker | null;

  /** @param failed told of each fault: its kind, and what of it may be another each time */
  constructor(
    factory: PickerFactory<Candidate>,
    spare: RoundRobin,
    candidates: readonly Candidate[],
    previous: Picker | null,
    context: PickerContext,
    failed: (kind: string, detail: string) => void,
  ) {
    this.spare = spare;
    this.#count = candidates.length;
    this.#factory = factory;
    this.#failed = failed;
    // What another module, or another state of this one, has left is none of its business.
    const before = previous instanceof ModulePicker && previous.#factory === factory ? previous.#own : null;
    this.#own = this.#made(candidates, before, context);
  }

  pick(key: number): number {
    const own = this.#own;
    if (own === null) {
      this.#failed('its picker cannot be used', '');
      return this.spare.pick();
    }
    try {
      const index: unknown = own.pick(key);
      if (typeof index === 'number' && index >= 0 && index < this.#count && Number.isInteger(index)) return index;
      this.#failed('it picked', ` ${text(index)}, which is no index of its ${this.#count} candidates`);
    } catch (error) {
      this.#failed('it threw in pick:', ` ${text(error)}`);
    }
    return this.spare.pick();
  }

  #made(candidates: readonly Candidate[], before: Picker | null, context: PickerContext): Picker | null {
    try {
      const views = candidates.map((candidate) => new CandidateView(candidate));
      const own = this.#factory(views, before, { random: () => context.random(), now: () => context.now() });
      if (typeof (own as Picker | null | undefined)?.pick === 'function') return own;
      this.#failed('it made no picker,', ` but ${text(own)}`);
    } catch (error) {
      this.#failed('it threw when a picker was to be made:', ` ${text(error)}`);
    }
    return null;
  }
}

/** What a policy may see of an instance, and nothing else. */
class CandidateView implements Candidate {
  readonly #candidate: Candidate;
  readonly #load: LoadView;

  constructor(candidate: Candidate) {
    this.#candidate = candidate;
    const { load } = candidate;
    this.#load = {
      latency: (now) => load.latency(now),
      failureShare: (now) => load.failureShare(now),
      reportedWeight: (now) => load.reportedWeight(now),
    };
  }

  get id(): string {
    return this.#candidate.id;
  }
  get weight(): number {
    return this.#candidate.weight;
  }
  get inFlight(): number {
    return this.#candidate.inFlight;
  }
  get load(): LoadView {
    return this.#load;
  }
}

/** What a user's module has thrown or given back, for a message: never throws itself. */
function text(value: unknown): string {
  try {
    return (value instanceof Error ? value.message : String(value)).slice(0, 200);
  } catch {
    return 'something that cannot be shown';
  }
}
