/** Time constant of the latency average and of the memory of failures, in milliseconds (10 s, as Finagle's and Linkerd's). */
const DECAY = 10_000;
/** What a failed request counts as at least, in milliseconds, and how many times the usual latency: it must never look fast. */
const FAILURE_LATENCY = 1_000;
const FAILURE_FACTOR = 10;
/** Bounds of what is remembered of a latency, in milliseconds: 0 stands for nothing known, and one long stream must not count for ever. */
const LEAST_LATENCY = 0.001;
const MOST_LATENCY = 60_000;
/** Weight of the newest outcome in the share of failures. */
const NEWEST = 0.1;
/** A share of failures below this is none: one that is well again must not lose every comparison for minutes. */
const LEAST_FAILURE_SHARE = 0.01;
/** Load reports older than this are not believed any more, in milliseconds (gRFC A58, weight_expiration_period). */
const REPORT_EXPIRY = 180_000;
/** Reports are not acted on before an instance has sent them for this long, in milliseconds (gRFC A58, blackout_period). */
const BLACKOUT = 10_000;

/** How an instance has fared lately, as load-aware policies may ask. */
export interface LoadView {
  /** Average latency in milliseconds, failures counted as slow; falls while nothing is heard. 0: nothing is known. */
  latency(now: number): number;
  /** About the share of the last requests that failed, from 0 to 1; falls while nothing is heard. */
  failureShare(now: number): number;
  /** The weight that its own load reports give it (ORCA); 0 when there are none, or none that count yet. */
  reportedWeight(now: number): number;
}

/** Keeps how an instance has fared. Times in monotonic milliseconds. */
export class Load implements LoadView {
  #latency = 0;
  #failureShare = 0;
  #at = 0;
  #weight = 0;
  #reportedAt = 0;
  /** When the present run of reports began; 0: there is none. */
  #reportsSince = 0;

  /** A request ended; `latency` in milliseconds. */
  ended(latency: number, failed: boolean, now: number): void {
    const age = now - this.#at;
    this.#at = now;
    const fade = age <= 0 ? 1 : Math.exp(-age / DECAY);
    this.#failureShare = this.#failureShare * fade * (1 - NEWEST) + (failed ? NEWEST : 0);
    const cost = failed ? Math.max(latency, FAILURE_LATENCY, this.#latency * FAILURE_FACTOR) : latency;
    // Peak sensitive: what got slower is believed at once, what got faster over time.
    const next = cost > this.#latency ? cost : this.#latency * fade + cost * (1 - fade);
    this.#latency = Math.min(MOST_LATENCY, Math.max(LEAST_LATENCY, next));
  }

  latency(now: number): number {
    const age = now - this.#at;
    return age <= 0 ? this.#latency : this.#latency * Math.exp(-age / DECAY);
  }

  failureShare(now: number): number {
    if (this.#failureShare === 0) return 0;
    const share = this.#failureShare * Math.exp(-Math.max(0, now - this.#at) / DECAY);
    return share < LEAST_FAILURE_SHARE ? 0 : share;
  }

  /** The instance reported its own load: `weight` as gRFC A58 computes it, above 0. */
  reported(weight: number, now: number): void {
    if (this.#reportsSince === 0 || now - this.#reportedAt >= REPORT_EXPIRY) this.#reportsSince = now;
    this.#weight = weight;
    this.#reportedAt = now;
  }

  reportedWeight(now: number): number {
    if (this.#weight === 0 || now - this.#reportedAt >= REPORT_EXPIRY) return 0;
    return now - this.#reportsSince >= BLACKOUT ? this.#weight : 0;
  }
}
