/** From turn to turn, in milliseconds. */
const DISTANCE = 0.2;
/** So many frames must arrive in that time for a thread to be paced, or to go on: with fewer too few meet in a turn. */
const WORTH_IT = 16;
const STILL_WORTH_IT = 8;
/** Requests that take less than this, in milliseconds, are not to wait for a turn. */
const QUICK = 0.25;
/** No request counts for more than this: one that lasts for minutes must not hide thousands that are quick. */
const MOST_TOOK = 2 * QUICK;
/** Turns are paced, or not, for so many milliseconds at a time. */
const WINDOW = 50;
/** After so many windows with pace there is one without, to see what comes then; twice as many each time it did no harm. */
const FIRST_RUN = 2;
const LONGEST_RUN = 32;
/** With less than this of what comes without pace, the pace is what holds it up. */
const HARMLESS = 0.93;
/** More of it is luck, or a load that grows. */
const MOST_SHARE = 1.05;
/** Weight of the newest comparison. */
const NEWEST = 0.5;
/** After so many windows without pace it is tried again, and each time it is found to do harm after twice as many. */
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 320;
const NONE = -1;
/** Sleeps below this are none: the kernel adds up to 0.05 ms of its own. */
const LEAST_SLEEP = 0.02;

/**
 * Puts the turns of a busy thread at a distance, as network cards do with their interrupts: what arrives meanwhile is read, and written, in
 * one go. A turn costs about the same whether it moves three requests or thirty, and most of it is the kernel's.
 *
 * A request waits for its turn twice, for half the distance on average. Where it has time anyway nobody sees that; but with few requests at
 * a time and instances that answer at once, the wait is all that they take, and fewer come. So quick ones are not made to wait, and the pace
 * is compared again and again with none: where it lets through less, it is given up.
 */
export class TurnPace {
  readonly #sleep: (ms: number) => void;
  #paced = false;
  /** When the next turn may begin. */
  #next = 0;
  #windowStart = 0;
  /** In this window: frames, and requests that ended, and what those took, in milliseconds. */
  #frames = 0;
  #ended = 0;
  #took = 0;
  /** Frames per millisecond of the last window without pace. */
  #unpacedRate = 0;
  /** What comes with the pace, of what comes without. */
  #share = 1;
  /** Windows since the last that was of the other kind. */
  #windows = 0;
  /** The rate with pace, when that was next to nothing; `NONE` otherwise. */
  #fellTo = NONE;
  #run = FIRST_RUN;
  #pause = FIRST_PAUSE;

  /** `sleep` blocks the thread for so many milliseconds. */
  constructor(sleep: (ms: number) => void) {
    this.#sleep = sleep;
  }

  /** A request ended in this turn, after `ms` milliseconds. */
  ended(ms: number): void {
    this.#ended++;
    this.#took += Math.min(ms, MOST_TOOK);
  }

  /** Everything is written, and `frames` were read since the last time; `alone`: others may follow in this turn. */
  endTurn(now: number, frames: number, alone: boolean): void {
    this.#frames += frames;
    if (now - this.#windowStart >= WINDOW) this.#endWindow(now);
    if (!this.#paced || alone) return;
    const left = this.#next - now;
    if (left < LEAST_SLEEP) this.#next = now + DISTANCE;
    else {
      this.#next += DISTANCE;
      this.#sleep(left);
    }
  }

  /** From now on turns come as they like: the thread ends, and what waits for a quiet moment must find one. */
  stop(): void {
    this.#paced = false;
    this.#windowStart = Number.POSITIVE_INFINITY;
  }

  #endWindow(now: number): void {
    const rate = this.#frames / (now - this.#windowStart);
    this.#windows++;
    if (this.#paced) this.#endPaced(rate);
    else this.#endUnpaced(rate);
    this.#windowStart = now;
    this.#frames = 0;
    this.#ended = 0;
    this.#took = 0;
  }

  #endPaced(rate: number): void {
    if (rate * DISTANCE < STILL_WORTH_IT) {
      // The load has ended, or the pace holds it up: the next window tells.
      this.#fellTo = rate;
      this.#turn(false);
    } else if (this.#windows === 1) {
      this.#compare(rate / this.#unpacedRate);
      if (this.#share < HARMLESS) this.#turn(false);
    } else if (this.#windows > this.#run) this.#turn(false);
  }

  #endUnpaced(rate: number): void {
    const fellTo = this.#fellTo;
    this.#fellTo = NONE;
    this.#unpacedRate = rate;
    const quick = this.#ended > 0 && this.#took / this.#ended < QUICK;
    if (quick || rate * DISTANCE < WORTH_IT) return;
    if (fellTo !== NONE) this.#compare(fellTo / rate);
    if (this.#share >= HARMLESS || this.#windows >= this.#pause) this.#turn(true);
  }

  /** With pace there was this share of what there was without. */
  #compare(share: number): void {
    this.#share += NEWEST * (Math.min(MOST_SHARE, share) - this.#share);
    if (this.#share >= HARMLESS) {
      this.#run = Math.min(LONGEST_RUN, 2 * this.#run);
      this.#pause = FIRST_PAUSE;
    } else {
      this.#run = FIRST_RUN;
      if (share < HARMLESS) this.#pause = Math.min(LONGEST_PAUSE, 2 * this.#pause);
    }
  }

  #turn(paced: boolean): void {
    this.#paced = paced;
    this.#windows = 0;
  }
}

/** Blocks this thread, and nothing else: there is no other sleep below a millisecond. */
export function sleepBriefly(ms: number): void {
  Atomics.wait(CELL, 0, 0, ms);
}

/** The same once everything is done that was put off to the next tick, as writes of `node:http` are. One at a time. */
export function sleepAfterTicks(ms: number): void {
  asleepFor = ms;
  void NOW.then(sleepNow);
}

const CELL = new Int32Array(new SharedArrayBuffer(4));
const NOW = Promise.resolve();
let asleepFor = 0;
const sleepNow = (): void => sleepBriefly(asleepFor);
