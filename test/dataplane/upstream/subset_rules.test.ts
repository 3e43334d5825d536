import test from 'ava';
import { Load } from '../../../src/dataplane/balancing/load.ts';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import { type Member, Subset, type SubsetRules } from '../../../src/dataplane/upstream/subset.ts';
import type { BalancePolicy } from '../../../src/model/balancing.ts';
import { TEST_LOADS, TestContext } from '../../support/candidates.ts';

class Fake implements Member {
  readonly id: string;
  weight = 1;
  readonly load = new Load(TEST_LOADS);
  readonly inFlight = 0;
  state = 'ready';
  connected = true;
  usableSince = 0;
  record: { zone: string | null };
  free = true;

  constructor(id: string, zone: string | null = null) {
    this.id = id;
    this.record = { zone };
  }
  freeConnection(): object | null {
    return this.free ? {} : null;
  }
  wantMore(): void {}
}

const NO_RULES: SubsetRules = { panicThreshold: 0, slowStart: null, zone: null };

function setUp(zones: readonly (string | null)[], rules: Partial<SubsetRules>, balance: BalancePolicy = 'round_robin') {
  const members = zones.map((zone, index) => new Fake(`i${index}`, zone));
  const context = new TestContext();
  const exact = balance === 'ring_hash' || balance === 'maglev' || balance === 'pick_first';
  const subset = new Subset<Fake>(
    null,
    { factory: POLICIES[balance], exact },
    { random: context.random, now: () => context.now(), zone: 'a' },
    () => ({ ...NO_RULES, ...rules }),
  );
  subset.setMembers(members);
  const counts = (picks: number): number[] => {
    const found = members.map(() => 0);
    for (let i = 0; i < picks; i++) {
      const index = members.indexOf(subset.pick([], (i * 0x9e3779b9) >>> 0) as Fake);
      found[index] = (found[index] as number) + 1;
    }
    return found;
  };
  return { members, subset, context, counts };
}

const zone = { prefer: 0.7 };

test('zone: instances of the own zone get all requests', (t) => {
  const { counts } = setUp(['a', 'b', 'a', null, 'b'], { zone });
  t.deepEqual(counts(100), [50, 0, 50, 0, 0]);
});

test('zone: everybody gets requests as soon as less than the share of the own zone is usable, and nobody else again when it is back', (t) => {
  const { members, subset, counts } = setUp(['a', 'a', 'a', 'a', 'b', 'b'], { zone });
  const set = (index: number, state: string): void => {
    (members[index] as Fake).state = state;
    subset.invalidate();
  };
  set(0, 'backoff');
  t.deepEqual(counts(90), [0, 30, 30, 30, 0, 0], 'three of four are 75%');
  set(1, 'unhealthy');
  t.deepEqual(counts(80), [0, 0, 20, 20, 20, 20], 'two of four are too few');
  set(0, 'ready');
  t.deepEqual(counts(90), [30, 0, 30, 30, 0, 0]);
});

test('zone: without an instance in the own zone, or without a zone of its own, everybody gets requests', (t) => {
  t.deepEqual(setUp(['b', 'c'], { zone }).counts(10), [5, 5]);
  t.deepEqual(setUp(['a', 'c'], {}).counts(10), [5, 5]);
});

test('zone: while all of the own zone are full, another zone helps out', (t) => {
  const { members, subset } = setUp(['a', 'a', 'b', 'b'], { zone });
  for (const index of [0, 1]) (members[index] as Fake).free = false;
  t.is(subset.pick([], 0)?.record.zone, 'b');
  (members[0] as Fake).free = true;
  subset.slotFreed();
  t.is(subset.pick([], 0)?.id, 'i0');
});

test('zone: a zone that is well is used although the others are in a panic; one that is not takes part in it', (t) => {
  const { members, subset, counts } = setUp(['a', 'a', 'b', 'b', 'b', 'b'], { zone, panicThreshold: 0.5 });
  for (const index of [2, 3, 4, 5]) (members[index] as Fake).state = 'ejected';
  subset.invalidate();
  t.deepEqual(counts(60), [30, 30, 0, 0, 0, 0]);
  t.false(subset.uses(members[2] as Fake), 'nor do requests that waited go to one that is out');
  (members[0] as Fake).state = 'ejected';
  subset.invalidate();
  t.deepEqual(counts(60), [10, 10, 10, 10, 10, 10], 'fewer than half are usable: all that are connected');
});

test('weight 0: no requests while others can take them, with policies that do not weigh, too', (t) => {
  for (const balance of ['round_robin', 'random', 'least_request', 'orca'] as const) {
    const { members, subset, counts } = setUp([null, null, null], {}, balance);
    (members[1] as Fake).weight = 0;
    subset.invalidate();
    t.is(counts(100)[1], 0, balance);
    t.false(subset.uses(members[1] as Fake));
    for (const index of [0, 2]) (members[index] as Fake).state = 'backoff';
    subset.invalidate();
    t.deepEqual(counts(10), [0, 10, 0], balance);
    t.true(subset.uses(members[1] as Fake));
  }
});

const slowStart = { window: 10_000, aggression: 1, minimum: 0.1 };

for (const balance of ['round_robin', 'random', 'weighted_round_robin', 'least_request'] as const) {
  test(`slow start: one that is new gets a tenth of its share, half of it after half the time, and then all (${balance})`, (t) => {
    const { members, subset, context, counts } = setUp(new Array(10).fill(null), { slowStart }, balance);
    const newcomer = members[3] as Fake;
    newcomer.usableSince = context.time;
    subset.invalidate();
    for (const [age, share] of [
      [0, 0.1],
      [5_000, 0.5],
      [10_000, 1],
    ] as const) {
      context.time = newcomer.usableSince + age;
      const found = counts(5_000)[3] as number;
      // Its share of the shares: of 9 whole ones and its own.
      const expected = (5_000 * share) / (9 + share);
      t.true(Math.abs(found - expected) < 0.25 * expected + 10, `${found} after ${age} ms, expected ${expected}`);
    }
  });
}

test('slow start: with an aggression of 2 the share is the square root of the age', (t) => {
  const { members, subset, context, counts } = setUp(new Array(10).fill(null), {
    slowStart: { ...slowStart, aggression: 2 },
  });
  (members[0] as Fake).usableSince = context.time;
  subset.invalidate();
  context.time += 2_500;
  const found = counts(5_000)[0] as number;
  t.true(Math.abs(found - (5_000 * 0.5) / 9.5) < 60, String(found));
});

test('slow start: where all are new nobody is passed over, and policies that mean one in particular know nothing of it', (t) => {
  const fresh = setUp(new Array(4).fill(null), { slowStart });
  for (const member of fresh.members) member.usableSince = fresh.context.time;
  fresh.subset.invalidate();
  t.deepEqual(fresh.counts(400), [100, 100, 100, 100]);
  for (const balance of ['ring_hash', 'maglev', 'pick_first'] as const) {
    const before = setUp(new Array(5).fill(null), { slowStart }, balance);
    const expected = before.counts(500);
    (before.members[0] as Fake).usableSince = before.context.time;
    before.subset.invalidate();
    t.deepEqual(before.counts(500), expected, balance);
  }
});

test('slow start: a policy that means one in particular is asked once for each request', (t) => {
  for (const [exact, asked] of [
    [true, 1],
    [false, 8],
  ] as const) {
    const context = new TestContext();
    let picks = 0;
    const pick = (): number => {
      picks++;
      return 0;
    };
    const subset = new Subset<Fake>(
      null,
      { factory: () => ({ pick }), exact },
      { random: () => 0.99, now: () => context.now(), zone: null },
      () => ({ ...NO_RULES, slowStart }),
    );
    const members = [new Fake('i0'), new Fake('i1')];
    (members[0] as Fake).usableSince = context.time;
    subset.setMembers(members);
    t.is(subset.pick([], 0)?.id, 'i0');
    t.is(picks, asked);
  }
});
