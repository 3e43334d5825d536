import type { HeaderList } from './header_list.ts';

/** A power of two. */
const SLOTS = 64;
/** Longer blocks are encoded every time. */
const MAX_BLOCK = 512;

/**
 * The blocks that lists were encoded to under the present state of the encoder's table, by identity of the list, so that a list
 * sent again is one comparison and one copy. Bounded: each list has one slot.
 *
 * A block is kept when its list comes for the second time in a row among those of its slot: lists that are sent only once
 * leave a number behind, and do not displace what repeats.
 */
export class SentBlocks {
  private lists: (HeaderList | null)[] = [];
  private blocks: (Uint8Array | null)[] = [];
  private epochs: number[] = [];
  /** By slot, the serial of the list that was sent last. */
  private readonly serials: number[] = Array<number>(SLOTS).fill(0);

  /** What `list` was encoded to in the same epoch of the table, or null. */
  find(list: HeaderList, epoch: number): Uint8Array | null {
    if (this.lists.length === 0) return null;
    const slot = list.serial & (SLOTS - 1);
    return this.lists[slot] === list && this.epochs[slot] === epoch ? (this.blocks[slot] as Uint8Array) : null;
  }

  /** Whether `list` was the last one of its slot that this was asked for; notes that it is now. */
  wasSent(list: HeaderList): boolean {
    const slot = list.serial & (SLOTS - 1);
    if (this.serials[slot] === list.serial) return true;
    this.serials[slot] = list.serial;
    return false;
  }

  /** Keeps the block in `out` from `start` to `end` for `list`. */
  keep(list: HeaderList, epoch: number, out: Uint8Array, start: number, end: number): void {
    if (end - start > MAX_BLOCK) return;
    if (this.lists.length === 0) {
      this.lists = Array<HeaderList | null>(SLOTS).fill(null);
      this.blocks = Array<Uint8Array | null>(SLOTS).fill(null);
      this.epochs = Array<number>(SLOTS).fill(-1);
    }
    const slot = list.serial & (SLOTS - 1);
    this.lists[slot] = list;
    // Not a Buffer, which would pin a share of the allocation pool; small ones live in the heap.
    const block = new Uint8Array(end - start);
    block.set(out.subarray(start, end));
    this.blocks[slot] = block;
    this.epochs[slot] = epoch;
  }
}
