/** All that a policy sees of an instance. */
export interface Candidate {
  /** Stable and unique within a service. Candidates come sorted by it. */
  readonly id: string;
  /** At least 0. */
  readonly weight: number;
}

/**
 * The momentary state of a policy over a fixed set of instances that can take a request. Made anew whenever the set changes; what
 * must survive the change (a position) is taken over from the picker before it. `pick` is called once per request and again if
 * the instance it named is full: it never allocates, never fails, and costs the same for three instances and for 10,000.
 */
export interface Picker {
  /** An index into the candidates that the picker was made for. Only called when there is at least one. */
  pick(): number;
}

/** Makes a picker for `candidates`, which are sorted by id and never empty; `previous` is the last one of the same policy, if any. */
export type PickerFactory = (candidates: readonly Candidate[], previous: Picker | null, random: () => number) => Picker;
