/** What one look at an instance says. `note` is something to tell once that is no failure; `reason` completes "the check failed: ...". */
export type ProbeResult =
  | { readonly ok: true; readonly note?: string }
  | { readonly ok: false; readonly reason: string };

/** Asks one instance whether it is well. */
export interface Probe {
  /**
   * One look, at most one at a time. `signal` ends it at once; what comes then does not matter. Never rejects, and settles within the
   * timeout that the probe was opened with.
   */
  look(signal: AbortSignal): Promise<ProbeResult>;
  /** There are no more looks: gives back what is held between them. Nothing is told after this returns. */
  close(): void;
}

/** What a probe may say without being asked. */
export interface ProbeEvents {
  /** The instance itself said how it is: that counts at once. */
  told(result: ProbeResult): void;
  /** Something happened that is a reason to look now, and not when it is time. */
  stirred(): void;
}

/** For probes that only ever answer: each look makes a connection and closes it, as a new client would, and costs nothing in between. */
export function answering(look: Probe['look']): Probe {
  return { look, close() {} };
}
