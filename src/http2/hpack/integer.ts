/** RFC 7541 section 5.1: integers with an N-bit prefix. */

/** The largest integer that is accepted: nothing in HTTP/2 can mean more, since a frame is shorter than 2^24 octets. */
export const MAX_INTEGER = 0x7fff_ffff;

/** What `readInteger` returns instead of a value; see the tokens of the same names in `errors.ts`. */
export const INTEGER_TRUNCATED = -1;
export const INTEGER_OVERFLOW = -2;
export const INTEGER_TOO_LONG = -3;

/** Five septets hold 2^31-1; a sixth octet could only be padding with zeros, which is how endless integers are made. */
const MAX_CONTINUATION_OCTETS = 5;

/** A place in a block that reading moves forward. */
export interface Cursor {
  at: number;
}

/**
 * Reads what follows a prefix that is all ones: the continuation octets from `cursor.at`, before `end`. `prefix` is the largest
 * value that the prefix holds (2^N-1). Returns the integer with the cursor behind it, or one of the negative results above.
 */
export function readInteger(buf: Uint8Array, cursor: Cursor, end: number, prefix: number): number {
  let value = prefix;
  let scale = 1;
  for (let octets = 0; octets < MAX_CONTINUATION_OCTETS; octets++) {
    if (cursor.at >= end) return INTEGER_TRUNCATED;
    const octet = buf[cursor.at++] as number;
    value += (octet & 0x7f) * scale;
    if (value > MAX_INTEGER) return INTEGER_OVERFLOW;
    if (octet < 0x80) return value;
    scale *= 128;
  }
  return INTEGER_TOO_LONG;
}

/**
 * Writes `value` at `at` with a prefix whose largest value is `prefix` (2^N-1); `pattern` holds the bits above the prefix.
 * Returns the offset behind it; at most 6 octets.
 */
export function writeInteger(out: Uint8Array, at: number, pattern: number, prefix: number, value: number): number {
  if (value < prefix) {
    out[at] = pattern | value;
    return at + 1;
  }
  out[at++] = pattern | prefix;
  let rest = value - prefix;
  while (rest >= 0x80) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}
