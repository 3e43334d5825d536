import test from 'ava';
import fc from 'fast-check';
import type { LocalCandidate, Picker } from '../../../src/dataplane/balancing/picker.ts';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { candidate } from '../../support/candidates.ts';
import { holds } from '../../support/wire_property.ts';

const candidates = (ids: readonly string[]): LocalCandidate[] => ids.toSorted().map((id) => candidate(id));

/** Picks over `ids` that go on where `previous` stood. */
function turns(ids: readonly string[], previous: Picker | null = null, random: () => number = () => 0) {
  const sorted = candidates(ids);
  const picker = POLICIES.round_robin(sorted, previous, { random, now: () => 0 });
  const pick = (count: number): string[] =>
    Array.from({ length: count }, () => (sorted[picker.pick(0)] as LocalCandidate).id);
  return { picker, pick };
}

test('each in turn, in order of id, exactly: any n picks in a row name every one of n instances', (t) => {
  for (let count = 1; count <= 20; count++) {
    const ids = Array.from({ length: count }, (_, i) => `10.0.0.${100 + i}:80`);
    const { pick } = turns(ids);
    t.deepEqual(pick(3 * count), [...ids, ...ids, ...ids]);
  }
});

test('where it begins is left to chance, evenly: sidecars that start together begin with different instances', (t) => {
  const first = (random: number): string | undefined => turns(['a', 'b', 'c', 'd'], null, () => random).pick(1)[0];
  t.deepEqual([0, 0.249, 0.25, 0.5, 0.75, 0.999_999].map(first), ['a', 'a', 'b', 'c', 'd', 'd']);
});

test('the next pick is the instance that follows the one picked last, whoever joins or leaves', (t) => {
  const three = turns(['b', 'd', 'f']);
  t.deepEqual(three.pick(2), ['b', 'd']);
  t.deepEqual(turns(['a', 'b', 'c', 'd', 'e', 'f'], three.picker).pick(3), ['e', 'f', 'a'], 'joined');
  t.deepEqual(turns(['b', 'f'], three.picker).pick(3), ['f', 'b', 'f'], 'the last one left');
  t.deepEqual(turns(['b', 'd'], three.picker).pick(3), ['b', 'd', 'b'], 'the next one left');
  t.deepEqual(turns(['x'], three.picker).pick(2), ['x', 'x'], 'all others');
});

test('pickers that were never asked hand the position on', (t) => {
  let last = turns(['a', 'b', 'c']);
  t.deepEqual(last.pick(1), ['a']);
  for (const ids of [['a', 'c'], ['c'], ['a', 'b', 'c', 'd']]) last = turns(ids, last.picker);
  t.deepEqual(last.pick(4), ['b', 'c', 'd', 'a']);
});

test('the position of another policy is none', (t) => {
  const other = POLICIES.random(candidates(['a', 'b']), null, { random: () => 0, now: () => 0 });
  t.deepEqual(turns(['a', 'b', 'c'], other, () => 0.5).pick(1), ['b']);
});

const set = fc.uniqueArray(fc.nat(12), { minLength: 1, maxLength: 12 });
const change = fc.record({ members: set, picks: fc.nat(15) });

test('whatever the set does, it picks what a naive model picks', async (t) => {
  await holds(
    t,
    fc.property(fc.array(change, { minLength: 1, maxLength: 15 }), fc.nat(99), (changes, start) => {
      let picker: Picker | null = null;
      let last: string | null = null;
      for (const { members, picks } of changes) {
        const sorted: LocalCandidate[] = candidates(
          members.map((member) => `instance-${String(member).padStart(2, '0')}`),
        );
        picker = POLICIES.round_robin(sorted, picker, { random: () => start / 100, now: () => 0 });
        for (let i = 0; i < picks; i++) {
          // The model: the smallest id above the last one; else the smallest; at the very first, any.
          const after = sorted.find(({ id }) => last !== null && id > last) ?? (sorted[0] as LocalCandidate);
          const expected: LocalCandidate =
            last === null ? (sorted[Math.floor((start / 100) * sorted.length)] as LocalCandidate) : after;
          const { id } = sorted[picker.pick(0)] as LocalCandidate;
          if (id !== expected.id) throw new Error(`picked ${id}, expected ${expected.id} after ${last}`);
          last = id;
        }
        // Where a picker begins that follows none is its own affair, and its set's.
        if (last === null) picker = null;
      }
    }),
    { numRuns: 1_000 },
  );
});

test('as long as the set only grows and shrinks elsewhere, nobody is picked twice before the others were once', async (t) => {
  await holds(
    t,
    fc.property(set, fc.array(fc.nat(12), { maxLength: 30 }), (members, toggles) => {
      // A stays throughout; of the others some come and go. Between two picks of A, each other one is picked at most once.
      const others = new Set(members);
      let picker: Picker | null = null;
      let since: string[] = [];
      for (const toggle of toggles) {
        if (!others.delete(toggle)) others.add(toggle);
        const sorted: LocalCandidate[] = candidates([
          'A',
          ...[...others].map((other) => `b${String(other).padStart(2, '0')}`),
        ]);
        picker = POLICIES.round_robin(sorted, picker, { random: () => 0, now: () => 0 });
        const { id } = sorted[picker.pick(0)] as LocalCandidate;
        if (id === 'A') since = [];
        else if (since.includes(id)) throw new Error(`${id} twice in ${since} within one round`);
        else since.push(id);
      }
    }),
    { numRuns: 1_000 },
  );
});
