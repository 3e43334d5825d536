/** Longer strings are seldom repeated, and comparing them costs more than making them anew. */
export const MAX_RECENT = 64;
/** A power of two. */
const SLOTS = 256;

const strings: string[] = Array<string>(SLOTS).fill('');
/** The octets of the string in each slot: comparing octets is faster than taking characters out of a string. */
const octets = new Uint8Array(SLOTS * MAX_RECENT);

/**
 * The string that the octets from `start` to `end` (1 to `MAX_RECENT` of them) were turned into lately, or null. Literals such as
 * `:path`, which nghttp2 never indexes, or the names of fields that change with every request come again and again on all
 * connections of a thread: being the same object, they need no new hash and compare at once wherever they are used later.
 */
export function recentString(buf: Uint8Array, start: number, end: number): string | null {
  const slot = slotOf(buf, start, end);
  const text = strings[slot] as string;
  if (text.length !== end - start) return null;
  let at = slot * MAX_RECENT;
  for (let i = start; i < end; i++) if (octets[at++] !== buf[i]) return null;
  return text;
}

/** Remembers what the same octets became, in place of whatever had the slot. */
export function rememberString(buf: Uint8Array, start: number, end: number, text: string): void {
  const slot = slotOf(buf, start, end);
  strings[slot] = text;
  let at = slot * MAX_RECENT;
  for (let i = start; i < end; i++) octets[at++] = buf[i] as number;
}

/** A few octets, mostly at the end, where paths and names differ. */
function slotOf(buf: Uint8Array, start: number, end: number): number {
  const length = end - start;
  let hash = Math.imul(length, 31) + (buf[start] as number);
  hash = Math.imul(hash, 31) + (buf[start + (length >> 1)] as number);
  hash = Math.imul(hash, 31) + (buf[start + (length >> 2)] as number);
  hash = Math.imul(hash, 31) + (buf[end - 1] as number);
  if (length > 3) {
    hash = Math.imul(hash, 31) + (buf[end - 2] as number);
    hash = Math.imul(hash, 31) + (buf[end - 3] as number);
  }
  return (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (SLOTS - 1);
}
