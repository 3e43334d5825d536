/** What can wait: carries the links itself. */
export interface Waiter {
  waitsIn: WaitQueue | null;
  /** Order of arrival over all queues of a thread; 0 until it waits for the first time. */
  waitOrder: number;
  waitPrevious: Waiter | null;
  waitNext: Waiter | null;
}

/** Requests that wait for a stream, first come first served; leaving from the middle (cancelled, deadline) is O(1). */
export class WaitQueue {
  head: Waiter | null = null;
  #tail: Waiter | null = null;
  length = 0;

  /** Puts `waiter` where its order belongs: at the end, unless it had waited elsewhere before. */
  push(waiter: Waiter, order: number): void {
    let before = this.#tail;
    while (before !== null && before.waitOrder > order) before = before.waitPrevious;
    const after = before === null ? this.head : before.waitNext;
    waiter.waitsIn = this;
    waiter.waitOrder = order;
    waiter.waitPrevious = before;
    waiter.waitNext = after;
    if (before === null) this.head = waiter;
    else before.waitNext = waiter;
    if (after === null) this.#tail = waiter;
    else after.waitPrevious = waiter;
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
