import { BlockCache } from './block_cache.ts';
import { DynamicTable, INITIAL_TABLE_SIZE } from './dynamic_table.ts';
import type { HpackErrorToken } from './errors.ts';
import { HeaderList } from './header_list.ts';
import { HUFFMAN_EOS, huffmanDecode } from './huffman.ts';
import { type Cursor, INTEGER_OVERFLOW, INTEGER_TOO_LONG, INTEGER_TRUNCATED, readInteger } from './integer.ts';
import { latin1 } from './latin1.ts';
import { STATIC_LENGTH, STATIC_NAMES, STATIC_VALUES } from './static_table.ts';

export { HPACK_ERROR_TOKENS, type HpackErrorToken } from './errors.ts';

/** Section 4.2: the smallest size of the interval and the last one. */
const MAX_SIZE_UPDATES = 2;
/** No update of the table size is due. */
const NOTHING_DUE = -1;

/**
 * Decodes the header blocks that one peer sends on one connection (RFC 7541), in the order in which they arrive.
 *
 * Never throws. Names and values are not validated here. The first error is final: the table is no longer the peer's, so every
 * later block is refused with the same token.
 */
export class HpackDecoder implements Cursor {
  /** Where the parser stands; only meaningful during `decode`. */
  at = 0;

  private readonly table: DynamicTable;
  private readonly cache = new BlockCache();
  private readonly maxListSize: number;
  /** What a size update may ask for at most: our SETTINGS_HEADER_TABLE_SIZE as acknowledged. */
  private allowedTableSize: number;
  /** The smallest maximum since the last block, when the peer must signal it at the start of the next. */
  private dueTableSize = NOTHING_DUE;
  private failure: HpackErrorToken | '' = '';

  /**
   * `maxTableSize`: the most that the peer's size updates may ask for, octets. The peer begins with 4096 (RFC 9113 section 6.5.2),
   * or less where both sides agreed on that beforehand; to lower it for a peer that does not know yet, begin with 4096 and call
   * `setMaxTableSize` once it has acknowledged.
   * `maxListSize`: the largest list that is handed out whole, in octets as RFC 7541 section 4.1 counts them.
   */
  constructor(maxTableSize: number, maxListSize: number) {
    this.table = new DynamicTable(Math.min(maxTableSize, INITIAL_TABLE_SIZE));
    this.allowedTableSize = maxTableSize;
    this.maxListSize = maxListSize;
  }

  /** Why `decode` returned null; empty as long as it has not. */
  get error(): HpackErrorToken | '' {
    return this.failure;
  }

  /** Octets in the dynamic table. */
  get tableSize(): number {
    return this.table.size;
  }

  /** The dynamic table, newest entry first: for tests and diagnostics. */
  tableEntries(): (readonly [name: string, value: string])[] {
    const entries: (readonly [string, string])[] = [];
    for (let i = this.table.inserted - 1; i >= this.table.evicted; i--)
      entries.push([this.table.name(i), this.table.value(i)]);
    return entries;
  }

  /**
   * To be called when the peer has acknowledged our SETTINGS_HEADER_TABLE_SIZE of `maxTableSize` octets. When that is less than
   * the size that the peer uses, its next block must begin by signalling the reduction (section 4.2).
   */
  setMaxTableSize(maxTableSize: number): void {
    this.allowedTableSize = maxTableSize;
    if (maxTableSize < this.table.maxSize && (this.dueTableSize === NOTHING_DUE || maxTableSize < this.dueTableSize))
      this.dueTableSize = maxTableSize;
  }

  /**
   * Decodes the complete block in `buf` from `start` to `end`; the octets are not kept. Null is a COMPRESSION_ERROR of the
   * connection, with `error` saying why. A list above the limit is decoded to its end, for the sake of the table, and comes
   * back cut short with `tooLarge` set.
   *
   * A block that was seen before, while the table has not changed, gives the same object again.
   */
  decode(buf: Buffer, start: number, end: number): HeaderList | null {
    if (this.failure !== '') return null;
    const epoch = this.table.epoch;
    if (this.dueTableSize === NOTHING_DUE) {
      const seen = this.cache.find(buf, start, end, epoch);
      if (seen !== null) return seen;
    }
    this.at = start;
    if (!this.readSizeUpdates(buf, end)) return null;
    const list = this.readFields(buf, end);
    if (list !== null && this.table.epoch === epoch && !list.tooLarge) this.cache.keep(buf, start, end, list);
    return list;
  }

  private readFields(buf: Buffer, end: number): HeaderList | null {
    const table = this.table;
    const fields: string[] = [];
    let neverIndexed: number[] | null = null;
    let room = this.maxListSize;
    while (this.at < end) {
      const octet = buf[this.at++] as number;
      let name: string | null;
      let value: string | null;
      if (octet >= 0x80) {
        // Section 6.1, indexed field.
        let index = octet & 0x7f;
        if (index === 0x7f) {
          index = this.readLongInteger(buf, end, 0x7f);
          if (index < 0) return null;
        }
        if (index <= STATIC_LENGTH) {
          if (index === 0) return this.fail('hpack_index_zero');
          name = STATIC_NAMES[index] as string;
          value = STATIC_VALUES[index] as string;
        } else {
          const absolute = table.inserted + STATIC_LENGTH - index;
          if (absolute < table.evicted) return this.fail('hpack_bad_index');
          name = table.name(absolute);
          value = table.value(absolute);
        }
      } else {
        // Section 6.2, literal field: with incremental indexing (01), without (0000), never indexed (0001).
        if ((octet & 0xe0) === 0x20) return this.fail('hpack_table_size_update_late');
        name = this.readName(buf, end, octet, octet >= 0x40 ? 0x3f : 0x0f);
        if (name === null) return null;
        value = this.readString(buf, end);
        if (value === null) return null;
        if (octet >= 0x40) table.insert(name, value);
        else if (octet >= 0x10 && room >= 0) {
          if (neverIndexed === null) neverIndexed = [fields.length];
          else neverIndexed.push(fields.length);
        }
      }
      room -= name.length + value.length + 32;
      if (room >= 0) fields.push(name, value);
    }
    // A field that passed the limit was marked before its size was known.
    if (room < 0 && neverIndexed?.at(-1) === fields.length) neverIndexed.pop();
    return new HeaderList(fields, neverIndexed, room < 0);
  }

  /** Section 6.3: updates stand at the start of a block only. */
  private readSizeUpdates(buf: Buffer, end: number): boolean {
    let updates = 0;
    while (this.at < end && ((buf[this.at] as number) & 0xe0) === 0x20) {
      if (++updates > MAX_SIZE_UPDATES) this.fail('hpack_table_size_update_flood');
      let size = (buf[this.at++] as number) & 0x1f;
      if (size === 0x1f) {
        size = this.readLongInteger(buf, end, 0x1f);
        if (size < 0) return false;
      }
      if (size > this.allowedTableSize) this.fail('hpack_table_size_too_large');
      else if (this.dueTableSize !== NOTHING_DUE && size > this.dueTableSize)
        this.fail('hpack_table_size_update_not_smallest');
      if (this.failure !== '') return false;
      this.dueTableSize = NOTHING_DUE;
      this.table.resize(size);
    }
    if (this.dueTableSize !== NOTHING_DUE) this.fail('hpack_table_size_update_missing');
    return this.failure === '';
  }

  private readName(buf: Buffer, end: number, octet: number, prefix: number): string | null {
    let index = octet & prefix;
    if (index === 0) return this.readString(buf, end);
    if (index === prefix) {
      index = this.readLongInteger(buf, end, prefix);
      if (index < 0) return null;
    }
    if (index <= STATIC_LENGTH) return STATIC_NAMES[index] as string;
    const absolute = this.table.inserted + STATIC_LENGTH - index;
    return absolute < this.table.evicted ? this.fail('hpack_bad_name_index') : this.table.name(absolute);
  }

  /** Section 5.2, string literal. */
  private readString(buf: Buffer, end: number): string | null {
    if (this.at >= end) return this.fail('hpack_string_missing');
    const octet = buf[this.at++] as number;
    let length = octet & 0x7f;
    if (length === 0x7f) {
      length = this.readLongInteger(buf, end, 0x7f);
      if (length < 0) return null;
    }
    const start = this.at;
    if (length > end - start) return this.fail('hpack_string_truncated');
    this.at = start + length;
    if (octet < 0x80) return latin1(buf, start, this.at);
    const text = huffmanDecode(buf, start, this.at);
    if (typeof text === 'string') return text;
    return this.fail(text === HUFFMAN_EOS ? 'hpack_huffman_eos' : 'hpack_huffman_padding');
  }

  /** The rest of an integer whose prefix is full; negative after `fail`. */
  private readLongInteger(buf: Buffer, end: number, prefix: number): number {
    const value = readInteger(buf, this, end, prefix);
    if (value === INTEGER_TRUNCATED) this.fail('hpack_integer_truncated');
    else if (value === INTEGER_OVERFLOW) this.fail('hpack_integer_overflow');
    else if (value === INTEGER_TOO_LONG) this.fail('hpack_integer_too_long');
    return value;
  }

  private fail(error: HpackErrorToken): null {
    this.failure = error;
    return null;
  }
}
