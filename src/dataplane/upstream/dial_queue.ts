/** Dials begun in one turn of the event loop: each costs some 0.1 ms, and requests wait for the turn to end. */
const DIALS_PER_TURN = 1;

/** What wants to be dialed. */
export interface Dialable {
  /** Its turn has come; does nothing if it is not wanted any more. */
  dial(): void;
}

/** First dials of instances, one per turn: a thousand that appear at once must not hold up the requests of the others. */
export class DialQueue {
  #waiting: Dialable[] = [];
  #next = 0;
  #inTurn = 0;
  #scheduled = false;
  readonly #run = (): void => this.#turn();

  /** Dials now, or as soon as those before it have been dialed. */
  add(dialable: Dialable): void {
    if (this.#next === this.#waiting.length && this.#inTurn < DIALS_PER_TURN) {
      this.#inTurn++;
      dialable.dial();
    } else this.#waiting.push(dialable);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  #turn(): void {
    const stop = Math.min(this.#next + DIALS_PER_TURN, this.#waiting.length);
    this.#inTurn = stop - this.#next;
    while (this.#next < stop) (this.#waiting[this.#next++] as Dialable).dial();
    this.#scheduled = this.#inTurn > 0;
    if (this.#scheduled) setImmediate(this.#run);
    else {
      this.#waiting = [];
      this.#next = 0;
    }
  }
}
