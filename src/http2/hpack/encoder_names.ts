import { STATIC_BY_NAME, type StaticName } from './static_table.ts';

/** A name that a budget of insertions was spent on earns them back by hits; see `EncoderName.credit`. */
const FULL_CREDIT = 64;
export const INSERTION_COST = 8;

/** What one encoder knows about one header name. */
export class EncoderName {
  readonly name: string;
  /** The static table's view of the name, or null. */
  readonly fixed: StaticName | null;
  /** Absolute numbers of the values of this name that are in the dynamic table; null until there was one. */
  values: Map<string, number> | null = null;
  /** The absolute number of the entry of this name inserted last, which may have been evicted since; -1 before the first. */
  newest = -1;
  /** The value found last and where: `lastIndex` > 0 is static, otherwise `lastAbsolute` holds. The usual case, without a lookup. */
  lastValue: string | null = null;
  lastIndex = 0;
  lastAbsolute = -1;
  /**
   * An insertion costs `INSERTION_COST`, a use of a dynamic entry brings one back. So a name whose values come twice or three
   * times each (a request id handed on to a few calls) stops displacing what others need.
   */
  credit = FULL_CREDIT;

  constructor(name: string) {
    this.name = name;
    this.fixed = STATIC_BY_NAME.get(name) ?? null;
  }

  earn(): void {
    if (this.credit < FULL_CREDIT) this.credit++;
  }
}

/** More names than any honest peer uses, and twice the entries that a table can hold; beyond this, names without one are forgotten. */
const MAX_NAMES = 256;
/** Longer names are encoded without being remembered. */
const MAX_NAME_LENGTH = 128;
/** Fields per list whose names are remembered by position. */
const MAX_POSITIONS = 64;

/** The names of one encoder: bounded, however many different ones are sent. */
export class EncoderNames {
  private readonly byName = new Map<string, EncoderName>();
  /** What stood at each position of the list before: lists on one connection resemble each other, and a comparison beats a lookup. */
  private positions: EncoderName[] = [];

  /** The record of the name of the field at `position`, or null when it is not worth one. `oldest`: see `forget`. */
  at(position: number, name: string, oldest: number): EncoderName | null {
    if (position < this.positions.length) {
      const before = this.positions[position] as EncoderName;
      if (before.name === name) return before;
    }
    const found = this.byName.get(name) ?? this.add(name, oldest);
    if (found !== null && position < MAX_POSITIONS && position <= this.positions.length)
      this.positions[position] = found;
    return found;
  }

  /** Drops the note that `value` of `name` is entry `absolute`, which is being evicted. */
  evicted(name: string, value: string, absolute: number): void {
    const entry = this.byName.get(name);
    if (entry?.values?.get(value) === absolute) entry.values.delete(value);
  }

  private add(name: string, oldest: number): EncoderName | null {
    if (name.length > MAX_NAME_LENGTH) return null;
    if (this.byName.size >= MAX_NAMES) this.forget(oldest);
    const entry = new EncoderName(name);
    this.byName.set(name, entry);
    return entry;
  }

  /** Drops names that have no entry in the dynamic table, whose oldest one is `oldest`. */
  private forget(oldest: number): void {
    this.positions = [];
    for (const [name, entry] of this.byName) if (entry.newest < oldest) this.byName.delete(name);
  }
}
