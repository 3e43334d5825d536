import { Load } from '../../src/dataplane/balancing/load.ts';
import { LoadTable } from '../../src/dataplane/balancing/load_table.ts';
import type { LocalCandidate, Picker, PickerContext, PickerFactory } from '../../src/dataplane/balancing/picker.ts';
import { seeded } from './seeded.ts';

/** An instance as a policy sees it, which the test may change. */
export interface TestCandidate extends LocalCandidate {
  weight: number;
  inFlight: number;
}

/** All test candidates can be compared with each other. */
export const TEST_LOADS = new LoadTable();

export function candidate(id: string, weight = 1): TestCandidate {
  const load = new Load(TEST_LOADS);
  return {
    id,
    weight,
    load,
    get inFlight() {
      return load.inFlight;
    },
    set inFlight(count) {
      load.inFlight = count;
    },
  };
}

/** Named so that they are sorted: `i0000`, `i0001`, ... */
export function candidates(count: number, weightOf: (index: number) => number = () => 1): TestCandidate[] {
  return Array.from({ length: count }, (_, index) => candidate(`i${String(index).padStart(5, '0')}`, weightOf(index)));
}

/** A clock that the test moves, and random numbers that are the same each time. */
export class TestContext implements PickerContext {
  time = 1_000_000;
  readonly random: () => number;

  constructor(seed = 1) {
    this.random = seeded(seed);
  }

  now(): number {
    return this.time;
  }
}

/** How often each index is picked; every pick with a key of its own. */
export function tally(picker: Picker, count: number, picks: number, keys: () => number = seededKeys(7)): number[] {
  const counts = new Array<number>(count).fill(0);
  for (let i = 0; i < picks; i++) {
    const index = picker.pick(keys());
    counts[index] = (counts[index] as number) + 1;
  }
  return counts;
}

/** Keys as hashing makes them. */
export function seededKeys(seed: number): () => number {
  const random = seeded(seed);
  return () => (random() * 2 ** 32) >>> 0;
}

/** Serves picks and keeps `inFlight`: `hold` requests are under way at any time, ended in the order in which they began. */
export function serve(
  factory: PickerFactory,
  members: readonly TestCandidate[],
  context: TestContext,
  picks: number,
  options: { readonly hold: number; readonly ended?: (member: TestCandidate) => void },
): number[] {
  const picker = factory(members, null, context);
  const under: TestCandidate[] = [];
  const counts = new Array<number>(members.length).fill(0);
  const keys = seededKeys(3);
  for (let i = 0; i < picks; i++) {
    context.time += 1;
    if (under.length >= options.hold) {
      const done = under.shift() as TestCandidate;
      done.inFlight--;
      options.ended?.(done);
    }
    const index = picker.pick(keys());
    const member = members[index] as TestCandidate;
    counts[index] = (counts[index] as number) + 1;
    member.inFlight++;
    under.push(member);
  }
  return counts;
}

/** How far the counts are from what is expected, as chi-square with `counts.length - 1` degrees of freedom. */
export function chiSquare(counts: readonly number[], weights: readonly number[] = counts.map(() => 1)): number {
  const sum = counts.reduce((a, b) => a + b, 0);
  const total = weights.reduce((a, b) => a + b, 0);
  return counts.reduce((result, count, index) => {
    const expected = (sum * (weights[index] as number)) / total;
    return result + (count - expected) ** 2 / expected;
  }, 0);
}
