import { type Clock, systemClock } from './clock.ts';

/** What a wheel holds: the entry itself carries the links, so that scheduling allocates nothing. */
export interface WheelEntry {
  /** The slot list that the entry stands in; -1 when it is not scheduled. */
  wheelSlot: number;
  /** The tick at which it expires. */
  wheelTick: number;
  wheelPrevious: WheelEntry | null;
  wheelNext: WheelEntry | null;
}

/** No timer is set. */
const NEVER = Number.POSITIVE_INFINITY;
/** `advance` is at work, and sets the timer when it is done. */
const BUSY = -1;

/**
 * Many deadlines, one timer: entries hang in the slot of their tick (modulo the number of slots). Scheduling and cancelling are O(1). An
 * entry expires up to one tick late, never early. The timer is set for the first of them, not for each tick: nearly all
 * deadlines are taken back long before they are due, and a thread that is woken for nothing has cold caches each time.
 */
export class TimerWheel<T extends WheelEntry> {
  readonly #tickMs: number;
  readonly #slots: (WheelEntry | null)[];
  readonly #expired: (entry: T) => void;
  readonly #now: () => number;
  readonly #origin: number;
  #tick = 0;
  #size = 0;
  readonly #after: Clock['after'];
  #cancelTimer: (() => void) | null = null;
  /** The tick that the timer is set for. */
  #timedFor = NEVER;

  /** `now` is monotonic, in milliseconds; `after` sets the timer. */
  constructor(options: {
    readonly tickMs: number;
    readonly slots: number;
    readonly now: () => number;
    readonly expired: (entry: T) => void;
    readonly after?: Clock['after'];
  }) {
    this.#tickMs = options.tickMs;
    this.#slots = new Array<WheelEntry | null>(options.slots).fill(null);
    this.#expired = options.expired;
    this.#now = options.now;
    this.#after = options.after ?? systemClock.after;
    this.#origin = options.now();
  }

  get size(): number {
    return this.#size;
  }

  /** Lets `entry` expire at `at` (the clock of `now`). An entry that is scheduled already is moved. */
  schedule(entry: T, at: number): void {
    if (entry.wheelSlot !== -1) this.cancel(entry);
    // Ticks that went by while nothing was scheduled need no look.
    if (this.#size === 0 && this.#timedFor !== BUSY) this.#tick = this.#tickNow();
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
    if (this.#timedFor === NEVER) this.#timeNext();
    else if (tick < this.#timedFor) this.#time(tick);
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
    const target = this.#tickNow();
    this.#timedFor = BUSY;
    // After a long pause of the process every slot needs one look, not one per tick missed.
    const first = Math.max(this.#tick + 1, target - this.#slots.length + 1);
    this.#tick = target;
    for (let tick = first; tick <= target; tick++) this.#expireSlot(tick % this.#slots.length, target);
    if (this.#size === 0) this.stop();
    else this.#timeNext();
  }

  /** Stops the timer; entries stay and the next `schedule` starts it again. */
  stop(): void {
    if (this.#cancelTimer !== null) this.#cancelTimer();
    this.#cancelTimer = null;
    this.#timedFor = NEVER;
  }

  #expireSlot(slot: number, target: number): void {
    let entry = this.#slots[slot] as WheelEntry | null;
    while (entry !== null) {
      const next = entry.wheelNext;
      if (entry.wheelTick <= target) {
        this.cancel(entry as T);
        this.#expired(entry as T);
        // The callback may have changed this very list.
        entry = next !== null && next.wheelSlot === slot ? next : this.#firstDue(slot, target);
      } else entry = next;
    }
  }

  #firstDue(slot: number, target: number): WheelEntry | null {
    let entry = this.#slots[slot] as WheelEntry | null;
    while (entry !== null && entry.wheelTick > target) entry = entry.wheelNext;
    return entry;
  }

  #tickNow(): number {
    return Math.floor((this.#now() - this.#origin) / this.#tickMs);
  }

  /** Sets the timer for the first entry that is due within a rotation, or for the end of it. */
  #timeNext(): void {
    const last = this.#tick + this.#slots.length;
    let tick = this.#tick + 1;
    while (tick < last && this.#firstDue(tick % this.#slots.length, tick) === null) tick++;
    this.#time(tick);
  }

  #time(tick: number): void {
    if (this.#cancelTimer !== null) this.#cancelTimer();
    this.#timedFor = tick;
    const wait = this.#origin + tick * this.#tickMs - this.#now();
    // Up to the next whole millisecond: timers know no others, and one that is early has to be set again.
    this.#cancelTimer = this.#after(Math.max(1, Math.ceil(wait)), () => this.advance());
  }
}
