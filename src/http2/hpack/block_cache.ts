import type { HeaderList } from './header_list.ts';

/** Longer blocks are rare and cost more to compare; they are decoded every time. */
const MAX_BLOCK = 512;
/** A power of two. */
const SLOTS = 64;
/** Octets of blocks kept; the room doubles on demand from the first to the second number. */
const MIN_ROOM = 512;
const MAX_ROOM = 16_384;
/** After this many blocks kept in a row without one being asked for again, only one in `SAMPLE` is kept. */
const PATIENCE = 64;
const SAMPLE = 16;

const NO_ROOM = new Uint8Array(0);

/**
 * The header blocks of one connection that were decoded under the present state of the dynamic table, by their octets, so that
 * the same octets give the same list. Memory is bounded: when a slot or the room is taken, what was there goes.
 *
 * Clients whose headers change with every request would only pay for the bookkeeping: after a while without a hit, most blocks
 * are not kept, until hits come again.
 */
export class BlockCache {
  private epoch = -1;
  private lists: (HeaderList | null)[] = [];
  private hashes: number[] = [];
  private starts: number[] = [];
  private lengths: number[] = [];
  private room: Uint8Array = NO_ROOM;
  private used = 0;
  private unrewarded = 0;
  /** The hash that the last `find` computed, for the `keep` that may follow it; meaningless when it had no need to. */
  private hash = 0;
  private hashed = false;

  /** The list that these octets gave before in the same epoch of the table, or null. */
  find(buf: Uint8Array, start: number, end: number, epoch: number): HeaderList | null {
    this.hashed = false;
    if (this.epoch !== epoch) {
      // When every block changes the table, nothing is kept and this is all that the cache costs.
      this.clear();
      this.epoch = epoch;
    }
    const length = end - start;
    if (this.used === 0 || length > MAX_BLOCK) return null;
    const hash = hashOf(buf, start, end);
    this.hash = hash;
    this.hashed = true;
    const slot = slotOf(hash);
    const list = this.lists[slot] as HeaderList | null;
    if (list === null || this.hashes[slot] !== hash || this.lengths[slot] !== length) return null;
    const room = this.room;
    let at = this.starts[slot] as number;
    for (let i = start; i < end; i++) if (room[at++] !== buf[i]) return null;
    this.unrewarded = 0;
    return list;
  }

  /** Keeps what the block that `find` was last asked for, and did not have, decoded to; the epoch must still be the same. */
  keep(buf: Uint8Array, start: number, end: number, list: HeaderList): void {
    const length = end - start;
    if (length > MAX_BLOCK || length === 0) return;
    if (++this.unrewarded > PATIENCE && this.unrewarded % SAMPLE !== 0) return;
    if (this.used + length > this.room.length) this.makeRoom(length);
    const hash = this.hashed ? this.hash : hashOf(buf, start, end);
    const slot = slotOf(hash);
    this.lists[slot] = list;
    this.hashes[slot] = hash;
    this.starts[slot] = this.used;
    this.lengths[slot] = length;
    this.room.set(buf.subarray(start, end), this.used);
    this.used += length;
  }

  private makeRoom(length: number): void {
    if (this.room.length === MAX_ROOM) {
      this.clear();
      return;
    }
    if (this.lists.length === 0) {
      // Many connections never get here: they carry one request, or change the table with each.
      this.lists = Array<HeaderList | null>(SLOTS).fill(null);
      this.hashes = Array<number>(SLOTS).fill(0);
      this.starts = Array<number>(SLOTS).fill(0);
      this.lengths = Array<number>(SLOTS).fill(0);
    }
    const room = new Uint8Array(Math.max(MIN_ROOM, this.room.length * 2));
    room.set(this.room.subarray(0, this.used));
    this.room = room;
    if (this.used + length > room.length) this.makeRoom(length);
  }

  private clear(): void {
    if (this.used > 0) this.lists.fill(null);
    this.used = 0;
  }
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 16) ^ (hash >>> 8)) & (SLOTS - 1);
}

/** Four octets per multiplication (the multiplier of FNV-1a). A collision costs a comparison, never a wrong answer. */
function hashOf(buf: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    const word =
      (buf[i] as number) |
      ((buf[i + 1] as number) << 8) |
      ((buf[i + 2] as number) << 16) |
      ((buf[i + 3] as number) << 24);
    hash = Math.imul(hash ^ word, 0x0100_0193) ^ (hash >>> 15);
  }
  for (; i < end; i++) hash = Math.imul(hash ^ (buf[i] as number), 0x0100_0193);
  return hash;
}
