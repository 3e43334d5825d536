import type { Target } from '../../../model/instance.ts';

/** What one look at an instance says. `note` is something to tell once that is no failure; `reason` completes "the check failed: ...". */
export type ProbeResult =
  | { readonly ok: true; readonly note?: string }
  | { readonly ok: false; readonly reason: string };

export interface ProbeOptions {
  /** Longest wait for the answer, the connection included, in milliseconds. */
  readonly timeout: number;
  /** Ends the look at once; what comes then does not matter. */
  readonly signal?: AbortSignal;
}

/**
 * One way to ask an instance whether it is well. Makes a connection for each look and closes it: a check sees what a new client
 * would see, and a thousand instances cost no memory between two looks. Never rejects, and settles within the timeout.
 */
export type Probe = (target: Target, options: ProbeOptions) => Promise<ProbeResult>;
