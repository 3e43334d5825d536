export { SWEEP_INTERVAL as KEEPALIVE_SWEEP } from '../../http2/limits.ts';

/** Silence, while requests are open, before a PING; in sweeps: 10 s, the least that servers put up with (gRFC A8). */
const PING_AFTER = 4;
/** Silence after the PING before the connection is given up; in sweeps: 20 s. */
const DEAD_AFTER = 8;
/** Sweeps between PINGs of a connection on which nothing else happens: 5 min, gRPC servers' default; more often is `too_many_pings`. */
const PING_AGAIN_AFTER = 120;

/**
 * Finds connections whose other end hangs or is gone without a word. Only those with open requests are asked, and one whose requests
 * are all long and quiet is asked once and then rarely: a server that counts PINGs without traffic must not be provoked.
 */
export class Keepalive {
  /** Something was read since the last sweep. */
  heard = true;
  #silent = 0;
  #waiting = false;
  /** Sweeps since an answered PING after which neither a stream was opened nor anything else was read; -1: there is none. */
  #quiet = -1;
  #pong = false;
  #opened = 0;

  /** The answer to our PING came. */
  pong(): void {
    this.#pong = this.#waiting;
    this.#waiting = false;
  }

  /** One look. `opened` grows with every stream; `factor` stretches the times for a server that complained. */
  sweep(openStreams: number, opened: number, factor: number): 'fine' | 'ping' | 'dead' {
    const news = (this.heard && !this.#pong) || opened !== this.#opened;
    this.#opened = opened;
    if (this.#pong) this.#quiet = 0;
    else if (news) this.#quiet = -1;
    else if (this.#quiet >= 0) this.#quiet++;
    this.#pong = false;
    if (this.heard || openStreams === 0) {
      this.heard = false;
      this.#silent = 0;
      this.#waiting = false;
      return 'fine';
    }
    this.#silent++;
    if (this.#waiting) return this.#silent >= (PING_AFTER + DEAD_AFTER) * factor ? 'dead' : 'fine';
    if (this.#silent < PING_AFTER * factor) return 'fine';
    if (this.#quiet >= 0 && this.#quiet < PING_AGAIN_AFTER * factor) return 'fine';
    this.#silent = PING_AFTER * factor;
    this.#waiting = true;
    return 'ping';
  }
}
