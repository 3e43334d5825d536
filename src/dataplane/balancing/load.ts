/** Time constant of the latency average and of the memory of failures, in milliseconds (10 s, as Finagle's and Linkerd's). */
const DECAY = 10_000;
/** What a failed request counts as at least, in milliseconds, and how many times the usual latency: it must never look fast. */
const FAILURE_LATENCY = 1_000;
const FAILURE_FACTOR = 10;
/** Weight of the newest outcome in the share of failures. */
const NEWEST = 0.1;
/** Load reports older than this are not believed any more, in milliseconds (gRFC A58, weight_expiration_period). */
const REPORT_EXPIRY = 180_000;

/** How an instance has fared lately, as load-aware policies want to know it. */
export class Load {
  #latency = 0;
  #failureShare = 0;
  #at = 0;
  #weight = 0;
  #reportedAt = 0;

  /** A request ended; `latency` and `now` in milliseconds. */
  ended(latency: number, failed: boolean, now: number): void {
    const age = now - this.#at;
    this.#at = now;
    const fade = age <= 0 ? 1 : Math.exp(-age / DECAY);
    this.#failureShare = this.#failureShare * fade * (1 - NEWEST) + (failed ? NEWEST : 0);
    const cost = failed ? Math.max(latency, FAILURE_LATENCY, this.#latency * FAILURE_FACTOR) : latency;
    // Peak sensitive: what got slower is believed at once, what got faster over time.
    this.#latency = cost > this.#latency ? Math.min(cost, 60_000) : this.#latency * fade + cost * (1 - fade);
  }

  /** Average latency in milliseconds, failures counted as slow; falls while nothing is heard. 0: nothing is known. */
  latency(now: number): number {
    const age = now - this.#at;
    return age <= 0 ? this.#latency : this.#latency * Math.exp(-age / DECAY);
  }

  /** About the share of the last requests that failed, from 0 to 1; falls while nothing is heard. */
  failureShare(now: number): number {
    if (this.#failureShare === 0) return 0;
    return this.#failureShare * Math.exp(-(now - this.#at) / DECAY);
  }

  /** The instance reported its own load (ORCA): `weight` as gRFC A58 computes it. */
  reported(weight: number, now: number): void {
    this.#weight = weight;
    this.#reportedAt = now;
  }

  /** The weight that its last report gave; 0 when there is none that is fresh. */
  reportedWeight(now: number): number {
    return this.#weight > 0 && now - this.#reportedAt < REPORT_EXPIRY ? this.#weight : 0;
  }
}
