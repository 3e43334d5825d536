import { huffmanEncode, huffmanLength } from './huffman.ts';
import { writeInteger } from './integer.ts';
import { writeLatin1 } from './latin1.ts';

/** RFC 7541 section 6: the representations on the wire. Each function writes at `at` and returns the offset behind it. */

/** Section 6.2.1: the field enters the dynamic table. */
export const WITH_INDEXING = 0x40;
/** Section 6.2.2: it does not. */
export const WITHOUT_INDEXING = 0x00;
/** Section 6.2.3: it must not, here and at every hop that follows. */
export const NEVER_INDEXED = 0x10;

/** Section 6.1, indexed field. */
export function writeIndexed(out: Buffer, at: number, index: number): number {
  if (index < 0x7f) {
    out[at] = 0x80 | index;
    return at + 1;
  }
  return writeInteger(out, at, 0x80, 0x7f, index);
}

/** Section 6.2, literal field of the `kind` above; `nameIndex` 0 spells the name out. */
export function writeLiteral(
  out: Buffer,
  at: number,
  kind: number,
  nameIndex: number,
  name: string,
  value: string,
  huffman: boolean,
): number {
  at = writeInteger(out, at, kind, kind === WITH_INDEXING ? 0x3f : 0x0f, nameIndex);
  if (nameIndex === 0) at = writeString(out, at, name, huffman);
  return writeString(out, at, value, huffman);
}

/** Section 6.3, dynamic table size update. */
export function writeSizeUpdate(out: Buffer, at: number, size: number): number {
  return writeInteger(out, at, 0x20, 0x1f, size);
}

/** Section 5.2, string literal; Huffman-coded when that is asked for and not longer (as in Appendix C). */
function writeString(out: Buffer, at: number, text: string, huffman: boolean): number {
  if (huffman) {
    const length = huffmanLength(text);
    if (length <= text.length) return huffmanEncode(text, out, writeInteger(out, at, 0x80, 0x7f, length));
  }
  return writeLatin1(text, out, writeInteger(out, at, 0x00, 0x7f, text.length));
}
