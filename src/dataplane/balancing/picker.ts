import type { Load, LoadView } from './load.ts';

/** All that a policy sees of an instance: what the registry says of it, and how it fares in this data thread, live. */
export interface Candidate {
  /** Stable and unique within a service. Candidates come sorted by it. */
  readonly id: string;
  /** Relative share of the requests. An instance of weight 0 is a candidate only when all are of weight 0. */
  readonly weight: number;
  /** Requests of this data thread that it is serving now. */
  readonly inFlight: number;
  readonly load: LoadView;
}

/** What a policy of our own sees: also where in the table of the thread its figures lie, `inFlight` among them. */
export interface LocalCandidate extends Candidate {
  readonly load: Load;
}

/** What a policy may ask besides. */
export interface PickerContext {
  /** From 0 to 1, 1 excluded. */
  random(): number;
  /** Monotonic milliseconds. */
  now(): number;
}

/**
 * The momentary state of a policy over a fixed set of instances that can take a request. Made anew whenever the set changes, or the
 * weight of a member; what must survive the change (a position) is taken over from the picker before it. `pick` is called once per
 * request and again if the instance it named is full: it never allocates and never fails, and all but those whose definition forbids it
 * cost the same for three instances and for 10,000.
 */
export interface Picker {
  /**
   * An index into the candidates that the picker was made for. Only called when there is at least one.
   * @param key what the request is hashed by (an unsigned 32-bit number); policies that do not hash ignore it
   */
  pick(key: number): number;
}

/** Makes a picker for `candidates`, which are sorted by id and never empty; `previous` is the last one of the same service, if any. */
export type PickerFactory<C extends Candidate = LocalCandidate> = (
  candidates: readonly C[],
  previous: Picker | null,
  context: PickerContext,
) => Picker;
