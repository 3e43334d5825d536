/** What can wait: carries the links itself. */
export interface Waiter {
  waitsIn: WaitQueue | null;
  /** Order of arrival over all queues of a thread. */
  waitOrder: number;
  waitPrevious: Waiter | null;
  waitNext: Waiter | null;
}

/** Requests that wait for a stream, first come first served; leaving from the middle (cancelled, deadline) is O(1). */
export class WaitQueue {
  head: Waiter | null = null;
  #tail: Waiter | null = null;
  length = 0;

  push(waiter: Waiter, order: number): void {
    waiter.waitsIn = this;
    waiter.waitOrder = order;
    waiter.waitPrevious = this.#tail;
    waiter.waitNext = null;
    if (this.#tail === null) this.head = waiter;
    else this.#tail.waitNext = waiter;
    this.#tail = waiter;
    this.length++;
  }

  remove(waiter: Waiter): void {
    if (waiter.waitsIn !== this) return;
    if (waiter.waitPrevious === null) this.head = waiter.waitNext;
    else waiter.waitPrevious.waitNext = waiter.waitNext;
    if (waiter.waitNext === null) this.#tail = waiter.waitPrevious;
    else waiter.waitNext.waitPrevious = waiter.waitPrevious;
    waiter.waitsIn = null;
    waiter.waitPrevious = null;
    waiter.waitNext = null;
    this.length--;
  }
}
