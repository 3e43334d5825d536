/** Whether the registry still has the record. `gone`: it answered, and it does not; only `put` brings it back. */
export type Held = 'held' | 'gone';

/**
 * Keeps one record in one registry. Made for one `Registration`; driven by the loop in `keeper.ts`, which alone decides when to
 * do what, never calls two methods at a time (but `close`, at any time), and does all the waiting and trying again. So a writer has
 * no timers, no retries and no opinion about health: it turns each call into the fewest requests that do it.
 *
 * Every promise settles within `WriterDeps.timeout`. What rejects, rejects with an OutriggerError whose code starts with the
 * registry's type, whose message says what was tried and where, and whose hint says what the reader can do. A rejection means "do not
 * know": the request may have been carried out. Every method may therefore be called again after any outcome of any other.
 */
export interface RegistrationWriter {
  /** `etcd`, `consul`. */
  readonly type: string;
  /** Where the record stands, for people: the key, or the id of the service and the agent. Never a secret. */
  readonly place: string;
  /**
   * Writes the record so that readers see it as available, with a new lease (etcd) or a TTL check that passes at once (Consul).
   * Whatever stands at its place already is replaced; a lease that an earlier `put` granted is given up, or runs out.
   */
  put(): Promise<void>;
  /** Keeps the record for another TTL. Called every third of the TTL while it is in place. */
  refresh(): Promise<Held>;
  /**
   * Makes readers see the instance as available or not, since the app's health check says so; `note` says why, in a sentence.
   * `false` where the registry knows no health (etcd) takes the record away, and `true` then answers `gone`. Where it does (Consul),
   * the check is set to critical or passing and the record stays.
   */
  setPassing(passing: boolean, note: string): Promise<Held>;
  /** Takes the record away, so that no reader finds it any more. No error when it is not there. */
  remove(): Promise<void>;
  /** Closes connections and watches; what is under way rejects, and `lost` is not called any more. Never rejects. Takes nothing away. */
  close(): Promise<void>;
}

/** What every writer is given beside its `Registration` and the options of its registry. */
export interface WriterDeps {
  /** Longest wait of one method, in milliseconds. */
  readonly timeout: number;
  /**
   * To be called when the writer learns by itself, between two calls, that the record may be gone (a watch of its key saw a
   * deletion). The loop puts it again at once. A writer that cannot learn such a thing never calls it; too many calls do no harm.
   */
  readonly lost: (why: string) => void;
}
