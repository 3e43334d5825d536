/** Exponential growth with jitter, as gRPC's connection backoff defines it. All durations in milliseconds. */
export interface BackoffPolicy {
  readonly initial: number;
  readonly multiplier: number;
  /** Share of the delay that is random, both ways: 0.2 means between 80% and 120%. */
  readonly jitter: number;
  readonly max: number;
}

/** https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md: 1 s, x 1.6, +-20%, at most 120 s. */
export const CONNECTION_BACKOFF: BackoffPolicy = { initial: 1_000, multiplier: 1.6, jitter: 0.2, max: 120_000 };

/** For registries: quick at first, since a restart takes about a second, and never slower than 10 s. */
export const REGISTRY_BACKOFF: BackoffPolicy = { initial: 200, multiplier: 1.6, jitter: 0.5, max: 10_000 };

/** The delay before attempt `failures` (1 after the first failure). `random` is injected so that tests can pin it. */
export function backoffDelay(policy: BackoffPolicy, failures: number, random: () => number = Math.random): number {
  const grown = Math.min(policy.max, policy.initial * policy.multiplier ** Math.max(0, failures - 1));
  return Math.min(policy.max, grown * (1 + policy.jitter * (2 * random() - 1)));
}

/** As `backoffDelay`, but anything from nothing to the grown delay ("full jitter"): many who failed together do not come back together. */
export function fullJitterDelay(policy: BackoffPolicy, failures: number, random: () => number = Math.random): number {
  return random() * Math.min(policy.max, policy.initial * policy.multiplier ** Math.max(0, failures - 1));
}
