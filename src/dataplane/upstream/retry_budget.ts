/** Retries under way at once: this share of the service's requests in flight, and never fewer than `AT_LEAST`. */
const SHARE = 0.2;
const AT_LEAST = 3;
/** What each request, and each second, adds to what may be spent: together less than `SHARE`, but for a service with fewer than seven requests a second. */
const PER_REQUEST = 0.12;
const PER_SECOND = 0.5;
/** What there is at first, and is saved up while all goes well; or `SHARE` of the requests in flight, for instances that die under many. */
const MOST_SAVED = 10;

/**
 * Keeps retries from becoming the load that they answer to: when everything fails, attempts stay below 1.2 times the requests, once what was
 * saved up is spent. Each retry costs one of what requests and time have saved up, and takes a place among those under way.
 */
export class RetryBudget {
  #saved = MOST_SAVED;
  #filledAt = 0;
  #active = 0;

  /** A request has come; `inFlight` are being served, itself included. */
  deposit(inFlight: number): void {
    if (this.#saved < Math.max(MOST_SAVED, inFlight * SHARE)) this.#saved += PER_REQUEST;
  }

  /** Whether one more may begin while `inFlight` requests are being served; if so it counts until `release`. `now` in milliseconds. */
  take(inFlight: number, now: number): boolean {
    const earned = this.#filledAt === 0 ? 0 : ((now - this.#filledAt) / 1_000) * PER_SECOND;
    this.#saved = Math.min(Math.max(MOST_SAVED, inFlight * SHARE), this.#saved + earned);
    this.#filledAt = now;
    if (this.#saved < 1 || this.#active >= Math.max(AT_LEAST, inFlight * SHARE)) return false;
    this.#saved--;
    this.#active++;
    return true;
  }

  /** A retry that was taken is over. */
  release(): void {
    this.#active--;
  }
}
