import anyTest, { type TestFn } from 'ava';
import fc from 'fast-check';
import type { Picker, PickerFactory } from '../../src/dataplane/balancing/picker.ts';
import { candidate, candidates, type TestCandidate, TestContext, tally } from '../support/candidates.ts';
import { holds } from '../support/wire_property.ts';

const test = anyTest as TestFn;

export interface PolicyTraits {
  /** It gives instances of greater weight more. */
  readonly weighted: boolean;
  /** It spreads requests over all instances; false: it always means one in particular. */
  readonly spreads: boolean;
}

/** Weights as registries write them, and as they should not. */
const WEIGHTS: readonly (readonly number[])[] = [
  [1, 1, 1],
  [0, 0, 0],
  [1, 0, 1],
  [0, 0, 7],
  [0.001, 0.002, 0.0005],
  [1e308, 1e308, 1e308],
  [Number.MAX_VALUE, 1, Number.MIN_VALUE],
  [Number.POSITIVE_INFINITY, 1, 1],
  [Number.NaN, 1, 1],
  [-5, 1, 1],
  [Number.MIN_VALUE, Number.MIN_VALUE, Number.MIN_VALUE],
  [1e12, 1, 1e-12],
];

/** What every policy owes, whatever it goes by. */
export function policyContract(name: string, factory: PickerFactory, { weighted, spreads }: PolicyTraits): void {
  const isIndex = (index: number, count: number): boolean => Number.isInteger(index) && index >= 0 && index < count;

  test(`${name}: the only instance is picked, whatever its weight`, (t) => {
    for (const weight of [1, 0, 0.1, 1e308, Number.MIN_VALUE]) {
      const picker = factory([candidate('only', weight)], null, new TestContext());
      for (let i = 0; i < 50; i++) t.is(picker.pick(i * 0x1234567), 0);
    }
  });

  for (const weights of WEIGHTS) {
    test(`${name}: every pick names an instance, with weights ${weights}`, (t) => {
      const members = weights.map((weight, index) => candidate(`i${index}`, weight));
      const context = new TestContext();
      let picker: Picker | null = null;
      // Made anew again and again, as in a set that changes.
      for (let round = 0; round < 5; round++) {
        picker = factory(members, picker, context);
        for (let i = 0; i < 200; i++) {
          const index = picker.pick((i * 0x9e3779b9) >>> 0);
          if (!isIndex(index, members.length)) t.fail(`picked ${index}`);
          context.time += 100;
        }
      }
      t.pass();
    });
  }

  test(`${name}: the largest and smallest keys and random numbers are none too many`, (t) => {
    for (const random of [0, 0.5, 1 - Number.EPSILON / 2]) {
      for (const count of [1, 2, 3, 100]) {
        const picker = factory(
          candidates(count, (index) => index % 3),
          null,
          { random: () => random, now: () => 0 },
        );
        for (const key of [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
          for (let i = 0; i < 3; i++) if (!isIndex(picker.pick(key), count)) t.fail(`${count} instances, key ${key}`);
        }
      }
    }
    t.pass();
  });

  const set = fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 12 });
  const change = fc.record({ members: set, weight: fc.constantFrom(0, 0.5, 1, 3, 1e9), picks: fc.nat(20) });

  test(`${name}: whatever the set does, each pick names one of the present set`, async (t) => {
    await holds(
      t,
      fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
        const context = new TestContext();
        let picker: Picker | null = null;
        for (const { members, weight, picks } of changes) {
          const ids = members.map((member) => `i${String(member).padStart(2, '0')}`).sort();
          const sorted: TestCandidate[] = ids.map((id, index) => candidate(id, index % 2 === 0 ? weight : 1));
          picker = factory(sorted, picker, context);
          for (let i = 0; i < picks; i++) {
            const index = picker.pick((i * 0x85ebca6b) >>> 0);
            if (!isIndex(index, sorted.length)) throw new Error(`picked ${index} of ${sorted.length}`);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test(`${name}: the picker of another policy is nothing to go on`, (t) => {
    const other = { pick: () => 99 };
    t.true(isIndex(factory(candidates(3), other, new TestContext()).pick(1), 3));
  });

  if (weighted) {
    test(`${name}: an instance without weight gets nothing while there are others`, (t) => {
      const members = candidates(20, (index) => index % 2);
      const counts = tally(factory(members, null, new TestContext()), 20, 5_000);
      t.is(
        counts.filter((_, index) => index % 2 === 0).reduce((a, b) => a + b, 0),
        0,
      );
    });
  }

  if (spreads) {
    test(`${name}: every instance gets something, also when all are without weight`, (t) => {
      for (const weight of [1, 0]) {
        const members = candidates(20, () => weight);
        const counts = tally(factory(members, null, new TestContext()), 20, 4_000);
        t.true(Math.min(...counts) > 0, String(counts));
      }
    });

    test(`${name}: changes of the set do not lead back to the beginning: everybody has had a turn in the end`, (t) => {
      // One instance comes and goes after each pick; whoever starts over at each change never gets to the last ones.
      const context = new TestContext();
      const all = candidates(8);
      const seen = new Set<string>();
      let picker: Picker | null = null;
      for (let i = 0; i < 400; i++) {
        const members = i % 2 === 0 ? all : all.slice(0, -1);
        picker = factory(members, picker, context);
        seen.add((members[picker.pick((i * 0x9e3779b9) >>> 0)] as TestCandidate).id);
      }
      t.is(seen.size, 8);
    });
  }
}
