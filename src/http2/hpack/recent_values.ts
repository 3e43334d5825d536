import type { EncoderName } from './encoder_names.ts';

/** A power of two: how many fields back, roughly, a repetition is noticed. */
const SLOTS = 64;

/**
 * The fields sent lately as literals, to tell values that come again from values that are always new. Lossy and of fixed size: each
 * field has one slot, and the next field in it takes its place.
 */
export class RecentValues {
  private readonly names: (EncoderName | null)[] = new Array<EncoderName | null>(SLOTS).fill(null);
  private readonly values: string[] = new Array<string>(SLOTS).fill('');

  /** Whether the field was sent lately; notes it if not. */
  seen(name: EncoderName, value: string): boolean {
    const slot = slotOf(name.name.length, value);
    if (this.names[slot] === name && this.values[slot] === value) return true;
    this.names[slot] = name;
    this.values[slot] = value;
    return false;
  }
}

/** Looks at a few characters only: the last ones differ most between paths, ids and numbers. */
function slotOf(seed: number, value: string): number {
  const length = value.length;
  let hash = Math.imul(seed, 31) + length;
  if (length > 0) {
    hash = Math.imul(hash, 31) + value.charCodeAt(length - 1);
    hash = Math.imul(hash, 31) + value.charCodeAt(length >> 1);
    hash = Math.imul(hash, 31) + value.charCodeAt(length >> 2);
    if (length > 4) {
      hash = Math.imul(hash, 31) + value.charCodeAt(length - 2);
      hash = Math.imul(hash, 31) + value.charCodeAt(length - 3);
      hash = Math.imul(hash, 31) + value.charCodeAt(length - 4);
    }
  }
  return (hash ^ (hash >>> 6) ^ (hash >>> 12)) & (SLOTS - 1);
}
