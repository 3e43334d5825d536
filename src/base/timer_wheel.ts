/** What a wheel holds: the entry itself carries the links, so that scheduling allocates nothing. */
export interface WheelEntry {
  /** The slot list that the entry stands in; -1 when it is not scheduled. */
  wheelSlot: number;
  /** The tick at which it expires. */
  wheelTick: number;
  wheelPrevious: WheelEntry | null;
  wheelNext: WheelEntry | null;
}

/**
 * Many deadlines, one timer: entries hang in the slot of their tick (modulo the number of slots), and each tick looks at one
 * slot. Scheduling and cancelling are O(1). An entry expires up to one tick late, never early.
 */
export class TimerWheel<T extends WheelEntry> {
  readonly #tickMs: number;
  readonly #slots: (WheelEntry | null)[];
  readonly #expired: (entry: T) => void;
  readonly #now: () => number;
  readonly #origin: number;
  #tick = 0;
  #size = 0;
  #timer: NodeJS.Timeout | null = null;

  /** `now` is monotonic, in milliseconds. */
  constructor(options: { tickMs: number; slots: number; now: () => number; expired: (entry: T) => void }) {
    this.#tickMs = options.tickMs;
    this.#slots = new Array<WheelEntry | null>(options.slots).fill(null);
    this.#expired = options.expired;
    this.#now = options.now;
    this.#origin = options.now();
  }

  get size(): number {
    return this.#size;
  }

  /** Lets `entry` expire at `at` (the clock of `now`). An entry that is scheduled already is moved. */
  schedule(entry: T, at: number): void {
    if (entry.wheelSlot !== -1) this.cancel(entry);
    if (this.#timer === null) this.#start();
    const tick = Math.max(this.#tick + 1, Math.ceil((at - this.#origin) / this.#tickMs));
    const slot = tick % this.#slots.length;
    const head = this.#slots[slot] as WheelEntry | null;
    entry.wheelTick = tick;
    entry.wheelSlot = slot;
    entry.wheelPrevious = null;
    entry.wheelNext = head;
    if (head !== null) head.wheelPrevious = entry;
    this.#slots[slot] = entry;
    this.#size++;
  }

  cancel(entry: T): void {
    if (entry.wheelSlot === -1) return;
    if (entry.wheelPrevious === null) this.#slots[entry.wheelSlot] = entry.wheelNext;
    else entry.wheelPrevious.wheelNext = entry.wheelNext;
    if (entry.wheelNext !== null) entry.wheelNext.wheelPrevious = entry.wheelPrevious;
    entry.wheelSlot = -1;
    entry.wheelPrevious = null;
    entry.wheelNext = null;
    this.#size--;
  }

  /** Expires what is due at the clock's time; the timer calls it, and tests with a clock of their own may. */
  advance(): void {
    const target = Math.floor((this.#now() - this.#origin) / this.#tickMs);
    // After a long pause of the process every slot needs one look, not one per tick missed.
    const first = Math.max(this.#tick + 1, target - this.#slots.length + 1);
    this.#tick = target;
    for (let tick = first; tick <= target; tick++) this.#expireSlot(tick % this.#slots.length, target);
    if (this.#size === 0) this.stop();
  }

  /** Stops the timer; entries stay and the next `schedule` starts it again. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #expireSlot(slot: number, target: number): void {
    let entry = this.#slots[slot] as WheelEntry | null;
    while (entry !== null) {
      const next = entry.wheelNext;
      if (entry.wheelTick <= target) {
        this.cancel(entry as T);
        this.#expired(entry as T);
        // The callback may have changed this very list.
        entry = next !== null && next.wheelSlot === slot ? next : (this.#firstDue(slot, target) as WheelEntry | null);
      } else entry = next;
    }
  }

  #firstDue(slot: number, target: number): WheelEntry | null {
    let entry = this.#slots[slot] as WheelEntry | null;
    while (entry !== null && entry.wheelTick > target) entry = entry.wheelNext;
    return entry;
  }

  #start(): void {
    // Entries from before a `stop` are still to be looked for.
    if (this.#size === 0) this.#tick = Math.floor((this.#now() - this.#origin) / this.#tickMs);
    this.#timer = setInterval(() => this.advance(), this.#tickMs);
    this.#timer.unref();
  }
}
