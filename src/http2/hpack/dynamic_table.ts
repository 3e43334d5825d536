/** The size of the dynamic table that every connection begins with, octets (RFC 9113 section 6.5.2). */
export const INITIAL_TABLE_SIZE = 4096;

/** The octets that an entry counts for (RFC 7541 section 4.1). */
export function entrySize(name: string, value: string): number {
  return name.length + value.length + 32;
}

/**
 * The dynamic table of one direction of one connection (RFC 7541 sections 2.3.2 and 4): a queue of fields bounded in octets.
 *
 * Entries have absolute numbers in order of insertion, the first being 0; those from `evicted` to `inserted - 1` are present.
 * The wire counts backwards from the newest: entry 1 is `inserted - 1`.
 */
export class DynamicTable {
  /** How many entries were ever inserted: the next one's absolute number. */
  inserted = 0;
  /** How many entries were ever evicted: the oldest present one's absolute number. */
  evicted = 0;
  /** Sum of the sizes of the present entries, octets. */
  size = 0;
  /** The limit of `size`. */
  maxSize: number;
  /** Changes with every change of the table; a result that came from the table is valid as long as this stays. */
  epoch = 0;

  /** Rings, a power of two long; they grow with the entries that are really there. */
  private names: string[] = Array<string>(16).fill('');
  private values: string[] = Array<string>(16).fill('');
  private mask = 15;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  /** Entries present. */
  get length(): number {
    return this.inserted - this.evicted;
  }

  /** The name of entry `absolute`, which must be present. */
  name(absolute: number): string {
    return this.names[absolute & this.mask] as string;
  }

  /** The value of entry `absolute`, which must be present. */
  value(absolute: number): string {
    return this.values[absolute & this.mask] as string;
  }

  /** Evicts until the field fits and adds it; one that is larger than the whole table leaves it empty (section 4.4). */
  insert(name: string, value: string): void {
    const size = entrySize(name, value);
    this.epoch++;
    this.evictTo(this.maxSize - size);
    if (size > this.maxSize) return;
    if (this.length > this.mask) this.grow();
    const slot = this.inserted++ & this.mask;
    this.names[slot] = name;
    this.values[slot] = value;
    this.size += size;
  }

  /** Changes the limit, evicting what no longer fits (section 4.3). */
  resize(maxSize: number): void {
    this.epoch++;
    this.maxSize = maxSize;
    this.evictTo(maxSize);
  }

  private evictTo(size: number): void {
    while (this.size > size && this.evicted < this.inserted) {
      const slot = this.evicted++ & this.mask;
      this.size -= entrySize(this.names[slot] as string, this.values[slot] as string);
      this.names[slot] = '';
      this.values[slot] = '';
    }
  }

  private grow(): void {
    const mask = this.mask * 2 + 1;
    const names = Array<string>(mask + 1).fill('');
    const values = Array<string>(mask + 1).fill('');
    for (let i = this.evicted; i < this.inserted; i++) {
      names[i & mask] = this.name(i);
      values[i & mask] = this.value(i);
    }
    this.names = names;
    this.values = values;
    this.mask = mask;
  }
}
