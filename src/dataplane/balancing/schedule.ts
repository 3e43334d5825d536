/**
 * Who is due next, when each of `n` members is due every `1 / weight` of a virtual time: earliest deadline first, on a binary heap in
 * typed arrays. Members come as evenly as their weights allow, however different those are; `next` costs O(log n) and allocates nothing.
 */
export class Schedule {
  readonly #period: Float64Array;
  readonly #due: Float64Array;
  /** Members by deadline, earliest first. */
  readonly #heap: Uint32Array;
  #count = 0;
  #now = 0;

  /**
   * @param weights at least 0; members of weight 0 are never due, unless all are
   * @param phase where in its period each member stands now, from 0 (due in a whole period) to 1 (due)
   */
  constructor(weights: Float64Array, phase: Float64Array) {
    const n = weights.length;
    this.#period = new Float64Array(n);
    this.#due = new Float64Array(n);
    this.#heap = new Uint32Array(n);
    const someWeigh = weights.some((weight) => weight > 0);
    for (let i = 0; i < n; i++) {
      const weight = someWeigh ? (weights[i] as number) : 1;
      if (weight <= 0) continue;
      const period = 1 / weight;
      this.#period[i] = period;
      this.#due[i] = period * (1 - (phase[i] as number));
      this.#heap[this.#count++] = i;
    }
    for (let at = (this.#count >>> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** The member that is due; its next turn comes a period later. */
  next(): number {
    const member = this.#heap[0] as number;
    this.#now = this.#due[member] as number;
    this.#due[member] = this.#now + (this.#period[member] as number);
    this.#sink(0);
    return member;
  }

  /** Where in its period a member stands now, from 0 to 1; 0 for one that is never due. */
  phase(member: number): number {
    const period = this.#period[member] as number;
    return period === 0 ? 0 : Math.min(1, Math.max(0, 1 - ((this.#due[member] as number) - this.#now) / period));
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const count = this.#count;
    const member = heap[from] as number;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && this.#before(heap[child + 1] as number, heap[child] as number)) child++;
      if (!this.#before(heap[child] as number, member)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = member;
  }

  /** Ties go to the lower index, so that the order is the same each time. */
  #before(a: number, b: number): boolean {
    const difference = (this.#due[a] as number) - (this.#due[b] as number);
    return difference < 0 || (difference === 0 && a < b);
  }
}
