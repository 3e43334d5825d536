let created = 0;

/**
 * A decoded header block: names and values in turn, in wire order, as one-byte (latin1) strings, so that any octet survives.
 *
 * Immutable once built, and shared: a block that was decoded before gives the same object again, so identity is a valid cache
 * key (the encoder uses it), and what is derived from a list can be kept in `memo` and is computed once.
 */
export class HeaderList {
  /** name, value, name, value, ... */
  readonly fields: readonly string[];
  /**
   * Indexes into `fields` (of the name), ascending, of fields that must never enter a dynamic table (RFC 7541 section 6.2.3);
   * usually null.
   */
  readonly neverIndexed: readonly number[] | null;
  /** RFC 7541 section 4.1: octets of names and values plus 32 each. */
  readonly size: number;
  /** The block decoded to more than the decoder's limit: `fields` ends before the first field that would have passed it. */
  readonly tooLarge: boolean;
  /** Numbers the lists of this thread in order of creation (modulo 2^30), so that a cache keyed by identity finds its slot by arithmetic. */
  readonly serial: number;
  /** Whatever the user of the engine derives from this list; the engine itself does not touch it. */
  memo: unknown = null;
  /** What the engine's header rules made of the list (`header_rules.ts`); null until they were asked. */
  head: unknown = null;

  constructor(fields: readonly string[], neverIndexed: readonly number[] | null = null, tooLarge = false) {
    this.fields = fields;
    this.neverIndexed = neverIndexed === null ? null : ascending(neverIndexed);
    this.tooLarge = tooLarge;
    created = (created + 1) & 0x3fff_ffff;
    this.serial = created;
    let size = 0;
    for (let i = 0; i < fields.length; i += 2)
      size += (fields[i] as string).length + (fields[i + 1] as string).length + 32;
    this.size = size;
  }

  /** The first value of `name` (lower case), or null. Linear: for the control path and for memos. */
  get(name: string): string | null {
    for (let i = 0; i < this.fields.length; i += 2) if (this.fields[i] === name) return this.fields[i + 1] as string;
    return null;
  }
}

/** The encoder walks the indexes beside the fields, so an unordered list must not reach it: a secret could be indexed. */
function ascending(indexes: readonly number[]): readonly number[] {
  for (let i = 1; i < indexes.length; i++)
    if ((indexes[i] as number) <= (indexes[i - 1] as number)) return [...new Set(indexes)].sort((a, b) => a - b);
  return indexes;
}
