/** What is to happen, the earliest first: a binary heap that grows. */
export class EventQueue {
  #times = new Float64Array(1_024);
  #events = new Int32Array(1_024);
  #values = new Float64Array(1_024);
  #count = 0;

  /** When the next one is due; infinite when there is none. */
  get next(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number);
  }

  /** The event that is next, and what was pushed with it; only while there is one. */
  get event(): number {
    return this.#events[0] as number;
  }

  get value(): number {
    return this.#values[0] as number;
  }

  push(time: number, event: number, value: number): void {
    if (this.#count === this.#times.length) this.#grow();
    let at = this.#count++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if ((this.#times[parent] as number) <= time) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, time, event, value);
  }

  /** Takes the next event out; only while there is one. */
  drop(): void {
    const count = --this.#count;
    const time = this.#times[count] as number;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && (this.#times[child + 1] as number) < (this.#times[child] as number)) child++;
      if ((this.#times[child] as number) >= time) break;
      this.#move(child, at);
      at = child;
    }
    if (count > 0) this.#move(count, at);
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#times[from] as number, this.#events[from] as number, this.#values[from] as number);
  }

  #set(at: number, time: number, event: number, value: number): void {
    this.#times[at] = time;
    this.#events[at] = event;
    this.#values[at] = value;
  }

  #grow(): void {
    const size = this.#times.length * 2;
    const [times, events, values] = [this.#times, this.#events, this.#values];
    this.#times = new Float64Array(size);
    this.#events = new Int32Array(size);
    this.#values = new Float64Array(size);
    this.#times.set(times);
    this.#events.set(events);
    this.#values.set(values);
  }
}
