/** So many are dialed one in each turn of the event loop: requests wait for the turn to end, and each dial costs some 0.1 ms. */
const AT_ONCE = 32;
/** Those beyond share out this many pauses, of a millisecond: a tenth of the thread's time, for about a second. */
const PAUSES = 1_000;
const PAUSE = 1;

/** What wants to be dialed. */
export interface Dialable {
  /** Its turn has come; does nothing if it is not wanted any more. */
  dial(): void;
}

/** First dials of instances, a few at a time: a thousand that appear at once must not hold up the requests of the others. */
export class DialQueue {
  readonly #pause: (task: () => void) => void;
  #waiting: Dialable[] = [];
  /** How many of `#waiting` have been dialed; it is emptied when all have. */
  #next = 0;
  #scheduled = false;
  /** One has been dialed in this turn already. */
  #dialed = false;
  readonly #run = (): void => this.#turn();

  /** Only tests give another `pause`. */
  constructor(pause = (task: () => void): void => void setTimeout(task, PAUSE)) {
    this.#pause = pause;
  }

  /** Dials now, or when those before it have been dialed. */
  add(dialable: Dialable): void {
    this.#waiting.push(dialable);
    if (this.#next === this.#waiting.length - 1 && !this.#dialed) this.#dial(1);
    this.#schedule();
  }

  #dial(count: number): void {
    this.#dialed = true;
    for (let i = 0; i < count && this.#next < this.#waiting.length; i++)
      (this.#waiting[this.#next++] as Dialable).dial();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (this.#next < AT_ONCE) setImmediate(this.#run);
    else this.#pause(this.#run);
  }

  #turn(): void {
    this.#scheduled = false;
    this.#dialed = false;
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
      return;
    }
    this.#dial(this.#next < AT_ONCE ? 1 : Math.ceil(this.#waiting.length / PAUSES));
    this.#schedule();
  }
}
