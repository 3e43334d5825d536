/*
 * The answer to "why this instance?": what a data thread would do with a request, step by step. Plain data, passed between threads and
 * shown as it is.
 */

/** The request that is asked about; it is not sent. */
export interface ExplainRequest {
  /** What the app would put into `:authority`. */
  readonly authority: string;
  readonly path: string;
  /** Further headers, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** An instance that a step took out, and why. */
export interface Removed {
  readonly instance: string;
  readonly version: string | null;
  readonly why: string;
}

/** One filter: how many instances were left, and the first of those that it took out. */
export interface ExplainStep {
  /** `registered`, `subset`, `version`, `labels`, `method`, `health`, `zone`. */
  readonly filter: string;
  readonly about: string;
  readonly kept: number;
  readonly removed: number;
  /** At most `MOST_REMOVED`. */
  readonly examples: readonly Removed[];
}

/** Instances named for each step; more are only counted. */
export const MOST_REMOVED = 20;

export interface Explanation {
  /** Null when no rule names a service. */
  readonly service: string | null;
  /** Which rule named it, or none did. */
  readonly routed: string;
  readonly registry: string | null;
  readonly path: string | null;
  /** When the registry last confirmed the set, in epoch milliseconds; 0 if never. */
  readonly updatedAt: number;
  /** What is wrong with the registry; null when it answers. */
  readonly trouble: string | null;
  readonly steps: readonly ExplainStep[];
  readonly balance: string | null;
  /** The instance for the next such request, and for the ones after it, as far as the policy can tell. */
  readonly choice: string | null;
  readonly next: readonly string[];
  /** The policy goes by chance: `choice` and `next` are an example. */
  readonly byChance: boolean;
  /** Instead of a choice: the error that the request would get. */
  readonly error: { readonly reason: string; readonly message: string } | null;
}
