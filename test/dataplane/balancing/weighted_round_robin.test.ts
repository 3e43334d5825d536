import test from 'ava';
import fc from 'fast-check';
import type { Picker } from '../../../src/dataplane/balancing/picker.ts';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { Schedule } from '../../../src/dataplane/balancing/schedule.ts';
import { candidate, candidates, type TestCandidate, TestContext, tally } from '../../support/candidates.ts';
import { holds } from '../../support/wire_property.ts';

const wrr = POLICIES.weighted_round_robin;

/** Who is due next, found by looking at everybody. */
class BruteForce {
  readonly #weights: readonly number[];
  readonly #due: number[];

  constructor(weights: readonly number[], phases: readonly number[]) {
    this.#weights = weights;
    this.#due = weights.map((weight, index) => (1 / weight) * (1 - (phases[index] as number)));
  }

  next(): number {
    let first = -1;
    for (const [index, due] of this.#due.entries()) {
      if (this.#weights[index] === 0) continue;
      if (first === -1 || due < (this.#due[first] as number)) first = index;
    }
    this.#due[first] = (this.#due[first] as number) + 1 / (this.#weights[first] as number);
    return first;
  }
}

const weights = fc
  .array(fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max: 1, noNaN: true })), { minLength: 1, maxLength: 30 })
  .map((list) => [...list, 1]);

test('the heap picks what looking at everybody picks, whatever the weights and phases', async (t) => {
  await holds(
    t,
    fc.property(weights, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (list, random) => {
      const phases = list.map(() => random.next().value as number);
      const schedule = new Schedule(Float64Array.from(list), Float64Array.from(phases));
      const model = new BruteForce(list, phases);
      for (let i = 0; i < 300; i++) {
        const [found, expected] = [schedule.next(), model.next()];
        if (found !== expected) throw new Error(`pick ${i}: ${found}, expected ${expected}`);
      }
    }),
    { numRuns: 200 },
  );
});

/** nginx's smooth weighted round robin: the other way to be exact and even. */
function smooth(list: readonly number[], picks: number): number[] {
  const current = list.map(() => 0);
  const total = list.reduce((a, b) => a + b, 0);
  const counts = list.map(() => 0);
  for (let i = 0; i < picks; i++) {
    for (const [index, weight] of list.entries()) current[index] = (current[index] as number) + weight;
    const best = current.indexOf(Math.max(...current));
    current[best] = (current[best] as number) - total;
    counts[best] = (counts[best] as number) + 1;
  }
  return counts;
}

test('in any number of picks everybody gets its share to within one turn, as with smooth weighted round robin', async (t) => {
  const list = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 });
  await holds(
    t,
    fc.property(list, fc.integer({ min: 1, max: 300 }), fc.nat(99), (shares, picks, seed) => {
      const members = candidates(shares.length, (index) => shares[index] as number);
      const counts = tally(wrr(members, null, new TestContext(seed)), shares.length, picks);
      const reference = smooth(shares, picks);
      for (const [index, count] of counts.entries()) {
        if (Math.abs(count - (reference[index] as number)) > 2) throw new Error(`${counts} instead of ${reference}`);
      }
    }),
    { numRuns: 300 },
  );
});

test('no bursts: an instance that gets half comes every second time, though it weighs as much as nine others', (t) => {
  const members = candidates(10, (index) => (index === 0 ? 9 : 1));
  const picker = wrr(members, null, new TestContext());
  const picks = Array.from({ length: 1_800 }, () => picker.pick(0));
  let longest = 0;
  for (let i = 0, run = 0; i < picks.length; i++) {
    run = picks[i] === 0 ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  t.true(longest <= 2, `${longest} in a row`);
  t.is(picks.filter((index) => index === 0).length, 900);
});

test('weights that change live hold from the next pick on, and nobody waits longer or comes sooner for the change itself', (t) => {
  const context = new TestContext();
  let members = candidates(10, () => 1);
  let picker: Picker = wrr(members, null, context);
  const last = new Map<string, number>();
  let gap = 0;
  const shares: number[] = [];
  // One instance's weight goes up and down all the time; the others must keep coming about every tenth pick.
  for (let i = 0; i < 3_000; i++) {
    members = members.map(({ id }, index) => candidate(id, index === 0 ? 1 + (i % 2) * 0.01 : 1));
    picker = wrr(members, picker, context);
    const { id } = members[picker.pick(0)] as TestCandidate;
    gap = Math.max(gap, i - (last.get(id) ?? i));
    last.set(id, i);
    shares.push(id === 'i00000' ? 1 : 0);
  }
  t.true(gap <= 12, `somebody waited for ${gap} picks`);
  const share = shares.reduce((a, b) => a + b, 0) / shares.length;
  t.true(Math.abs(share - 0.1) < 0.01, String(share));
  // And a change that lasts is obeyed.
  members = members.map(({ id }, index) => candidate(id, index === 0 ? 10 : 1));
  const counts = tally(wrr(members, picker, context), 10, 1_900);
  t.true(Math.abs((counts[0] as number) - 1_000) <= 2, String(counts));
});

test('who joins does not come at once for all sidecars, and who leaves leaves no gap', (t) => {
  const first = Array.from({ length: 50 }, (_, seed) => {
    const context = new TestContext(seed);
    const picker = wrr(candidates(9), null, context);
    for (let i = 0; i < 20; i++) picker.pick(0);
    const more = wrr(candidates(10), picker, context);
    return Array.from({ length: 10 }, () => more.pick(0)).indexOf(9);
  });
  t.true(new Set(first).size >= 6, `the newcomer's turns were ${first}`);
  t.true(first.every((turn) => turn >= 0));
});

test('an instance that gets weight after it had none is given its share', (t) => {
  const context = new TestContext();
  const before = wrr(
    candidates(3, (index) => (index === 2 ? 0 : 1)),
    null,
    context,
  );
  t.is(tally(before, 3, 100)[2], 0);
  t.is(tally(wrr(candidates(3), before, context), 3, 300)[2], 100);
});

test('the order holds for as long as anybody asks: after ten million picks shares are what they were', (t) => {
  const schedule = new Schedule(Float64Array.of(1, 1 / 3, 1e-6), Float64Array.of(0, 0, 0));
  const counts = [0, 0, 0];
  for (let i = 0; i < 10_000_000; i++) {
    const index = schedule.next();
    counts[index] = (counts[index] as number) + 1;
  }
  t.true(
    Math.abs((counts[0] as number) - 7_499_995) < 10 && Math.abs((counts[1] as number) - 2_499_998) < 10,
    String(counts),
  );
});
