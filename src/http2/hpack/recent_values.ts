import type { EncoderName } from './encoder_names.ts';

/** A power of two: how many fields back, roughly, a repetition is noticed. */
const SLOTS = 64;

/**
 * The fields sent lately as literals, to tell values that come again from values that are always new. Lossy and of fixed size: each
 * field has one slot. A field that finds its slot taken replaces what is there half of the time, by chance: fields that share a
 * slot and come in turn would otherwise displace each other for ever, and none would be seen again.
 */
export class RecentValues {
  private readonly names: (EncoderName | null)[] = Array<EncoderName | null>(SLOTS).fill(null);
  private readonly values: string[] = Array<string>(SLOTS).fill('');
  private chance = 1;

  /** Whether the field was sent lately; otherwise it may be noted. */
  seen(name: EncoderName, value: string): boolean {
    const slot = slotOf(name.name.length, value);
    const there = this.names[slot];
    if (there === name && this.values[slot] === value) return true;
    // A linear congruential generator; its upper bits are as random as this needs.
    this.chance = (Math.imul(this.chance, 1_103_515_245) + 12_345) | 0;
    if (there === null || this.chance >= 0) {
      this.names[slot] = name;
      this.values[slot] = value;
    }
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
