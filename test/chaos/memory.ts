import { setTimeout } from 'node:timers/promises';
import { Load } from './load.ts';
import type { Stage } from './stage.ts';

/** Ordinary calls first, so that what is measured is the same each time; then longer than it takes a data thread to call itself idle. In milliseconds. */
const BUSY = 3_000;
const IDLE = 14_000;
/** What the program may need more once all that it has was used for the first time, and after that; in MiB. */
const FIRST = 20;
const LATER = 10;

/** Resident memory of the sidecar at rest, in octets. */
export async function memoryAtRest(stage: Stage): Promise<number> {
  const load = new Load(stage.address, false);
  load.start();
  await setTimeout(BUSY);
  await load.stop();
  await setTimeout(IDLE);
  return stage.sidecar.rss();
}

/** Memory at rest of one sidecar, before any fault and after each time that all of them were played, and whether it comes back to its level. */
export class MemoryLevels {
  readonly #levels: number[] = [];

  add(octets: number): void {
    this.#levels.push(octets / 2 ** 20);
  }

  /** What was promised and not kept. */
  get broken(): string[] {
    const [start = 0, first = start, ...later] = this.#levels;
    const broken = first > start + FIRST ? [`${this} after all faults were played once`] : [];
    const most = Math.max(0, ...later);
    return most > first + LATER ? [...broken, `${this}: it grew with the same faults`] : broken;
  }

  toString(): string {
    return `memory at rest: ${this.#levels.map((level) => level.toFixed(0)).join(', ')} MiB`;
  }
}
