/**
 * A decoded header block: names and values in turn, in wire order, as one-byte (latin1) strings, so that any octet survives.
 *
 * Immutable once built, and shared: a block that was decoded before gives the same object again, so identity is a valid cache
 * key (the encoder uses it), and what is derived from a list can be kept in `memo` and is computed once.
 */
export class HeaderList {
  /** name, value, name, value, ... */
  readonly fields: readonly string[];
  /** Indexes into `fields` (of the name) of fields that must never enter a dynamic table (RFC 7541 section 6.2.3); usually null. */
  readonly neverIndexed: readonly number[] | null;
  /** RFC 7541 section 4.1: octets of names and values plus 32 each. */
  readonly size: number;
  /** Whatever the user of the engine derives from this list; the engine itself does not touch it. */
  memo: unknown = null;

  constructor(fields: readonly string[], neverIndexed: readonly number[] | null = null) {
    this.fields = fields;
    this.neverIndexed = neverIndexed;
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
