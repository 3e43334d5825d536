/** The durations and bounds of the consul registry; durations in milliseconds. */
export interface ConsulTiming {
  /** Longest wait for an answer that Consul does not hold back. Agents themselves wait up to 7 s for a leader. */
  readonly request: number;
  /** Longest wait of `check` for an answer. */
  readonly check: number;
  /** How long Consul may hold a question to which nothing new is known. */
  readonly wait: number;
  /** One question about a service per so long, and two at once after a pause: a service that changes all the time must not spin us. */
  readonly refill: number;
  /** Questions open at the same time; with more services than that they take turns. */
  readonly mostOpen: number;
  /** How long a question is held at least when others wait for their turn. */
  readonly leastHeld: number;
  /** Longest answer that is read, in octets. An instance takes about 1,500. */
  readonly maxAnswer: number;
}

export const CONSUL_TIMING: ConsulTiming = {
  request: 10_000,
  check: 2_000,
  wait: 300_000,
  refill: 200,
  mostOpen: 100,
  leastHeld: 2_000,
  maxAnswer: 33_554_432,
};

/**
 * How long to wait for the answer to a held question: Consul adds up to a sixteenth to the wait, so that not all come back at once.
 * https://developer.hashicorp.com/consul/api-docs/features/blocking
 */
export function heldTimeout(wait: number, margin: number): number {
  return wait + wait / 16 + margin;
}
