/**
 * Who is due next, when each of `n` members is due every `1 / weight` of a virtual time: earliest deadline first, on a binary heap in
 * typed arrays. Members come as evenly as their weights allow, however different those are; `next` costs O(log n) and allocates nothing.
 */
export class Schedule {
  /** 0 for members that are never due. */
  readonly #period: Float64Array;
  readonly #due: Float64Array;
  /** Members by deadline, earliest first. */
  readonly #heap: Uint32Array;
  #count = 0;
  #now = 0;

  /**
   * @param weights from 0 to 1, and not all 0: `shares` gives them. Members of weight 0 are never due
   * @param phases where in its period each member stands now, from 0 (due in a whole period) to 1 (due)
   */
  constructor(weights: Float64Array, phases: Float64Array) {
    const n = weights.length;
    this.#period = new Float64Array(n);
    this.#due = new Float64Array(n);
    this.#heap = new Uint32Array(n);
    this.#arrange(weights, phases);
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

  /** Other weights from now on; every member keeps its phase. Allocates nothing. */
  reweigh(weights: Float64Array): void {
    const due = this.#due;
    // The phases take the place of the deadlines that they are made of.
    for (let i = 0; i < due.length; i++) due[i] = this.phase(i);
    this.#arrange(weights, due);
  }

  #arrange(weights: Float64Array, phases: Float64Array): void {
    this.#now = 0;
    this.#count = 0;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i] as number;
      const period = weight > 0 ? 1 / weight : 0;
      this.#period[i] = period;
      this.#due[i] = period * (1 - (phases[i] as number));
      if (period > 0) this.#heap[this.#count++] = i;
    }
    for (let at = (this.#count >>> 1) - 1; at >= 0; at--) this.#sink(at);
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
