import { MAX_WINDOW } from './frame/codes.ts';

/**
 * What we still may send, on a stream or a connection (RFC 9113 section 6.9). Can be negative: a peer that lowers
 * SETTINGS_INITIAL_WINDOW_SIZE takes back credit that we may have used already (section 6.9.2).
 */
export class SendWindow {
  available: number;

  constructor(initial: number) {
    this.available = initial;
  }

  /** False when the window would exceed 2^31-1, which is a FLOW_CONTROL_ERROR (section 6.9.1). */
  grow(octets: number): boolean {
    this.available += octets;
    return this.available <= MAX_WINDOW;
  }
}

/**
 * What the peer still may send. Credit goes back in one WINDOW_UPDATE when half of the window has been consumed: smaller steps
 * cost frames, larger ones make a fast sender wait.
 */
export class ReceiveWindow {
  available: number;
  /** The size it is refilled to. */
  size: number;
  /** Taken by us and not yet given back as credit. */
  #consumed = 0;

  constructor(size: number) {
    this.size = size;
    this.available = size;
  }

  /** Octets received, as far as they have been accounted for, and not passed on yet. */
  get unread(): number {
    return this.size - this.available - this.#consumed;
  }

  /** Accounts for received octets; false when the peer sent more than it was allowed. */
  receive(octets: number): boolean {
    this.available -= octets;
    return this.available >= 0;
  }

  /** Accounts for octets that have been passed on; returns the increment to announce now, or 0. */
  consume(octets: number): number {
    this.#consumed += octets;
    if (this.#consumed * 2 < this.size) return 0;
    const increment = this.#consumed;
    this.#consumed = 0;
    this.available += increment;
    return increment;
  }

  /** Our SETTINGS_INITIAL_WINDOW_SIZE took effect (it was acknowledged). */
  resize(size: number): void {
    this.available += size - this.size;
    this.size = size;
  }
}
