import test from 'ava';
import { POLICIES } from '../../../src/dataplane/balancing/policies.ts';
import type { Endpoint } from '../../../src/dataplane/upstream/endpoint.ts';
import { Subset } from '../../../src/dataplane/upstream/subset.ts';

/** As much of an endpoint as a subset looks at. */
class Fake {
  readonly id: string;
  readonly weight = 1;
  state = 'ready';
  free = true;
  /** How often it was looked at, and how often it was asked for another connection. */
  looked = 0;
  wanted = 0;

  constructor(id: string) {
    this.id = id;
  }
  freeConnection(): object | null {
    this.looked++;
    return this.free ? {} : null;
  }
  wantMore(): void {
    this.wanted++;
  }
}

function setUp(count: number) {
  const fakes = Array.from({ length: count }, (_, i) => new Fake(`i${i}`));
  const subset = new Subset(
    null,
    { factory: POLICIES.round_robin, exact: false },
    { random: () => 0, now: () => 0, zone: null },
    () => ({ panicThreshold: 0, slowStart: null, zone: null }),
  );
  const asEndpoints = (list: readonly Fake[]): Endpoint[] => list as unknown as Endpoint[];
  subset.setMembers(asEndpoints(fakes));
  const pick = (...avoid: readonly Fake[]): string | null => subset.pick(asEndpoints(avoid), 0)?.id ?? null;
  return { fakes, subset, pick, set: (list: readonly Fake[]) => subset.setMembers(asEndpoints(list)) };
}

test('only ready members with a free stream are picked, in turn', (t) => {
  const { fakes, subset, pick } = setUp(4);
  Object.assign(fakes[1] as Fake, { state: 'connecting' });
  subset.invalidate();
  t.deepEqual([pick(), pick(), pick(), pick()], ['i0', 'i2', 'i3', 'i0']);
  Object.assign(fakes[2] as Fake, { free: false });
  t.deepEqual([pick(), pick(), pick()], ['i3', 'i0', 'i3']);
});

test('the one to avoid is not picked as long as there is another, wherever its turn is', (t) => {
  for (const size of [2, 3, 5, 10]) {
    const { fakes, pick } = setUp(size);
    for (let i = 0; i < 3 * size; i++) {
      const avoid = fakes[i % size] as Fake;
      t.not(pick(avoid), avoid.id);
      t.is(avoid.wanted, 0);
    }
  }
});

test('the one to avoid is picked when all others are full, gone or none', (t) => {
  const { fakes, subset, pick } = setUp(6);
  const avoid = fakes[3] as Fake;
  for (const fake of fakes) fake.free = fake === avoid;
  t.is(pick(avoid), 'i3');
  for (const fake of fakes) if (fake !== avoid) fake.state = 'backoff';
  subset.invalidate();
  t.is(pick(avoid), 'i3');
  t.is(setUp(1).pick(), 'i0');
});

test('of several to avoid none is picked while there is another; then the one that failed first, and last the last', (t) => {
  const { fakes, subset, pick } = setUp(5);
  const [a, b, c, d, e] = fakes as [Fake, Fake, Fake, Fake, Fake];
  for (let i = 0; i < 15; i++) t.is(pick(a, c, d, b), 'i4');
  e.free = false;
  t.is(pick(c, a, d, b), 'i2');
  c.state = 'backoff';
  subset.invalidate();
  t.is(pick(c, a, d, b), 'i0');
  for (const fake of [a, d]) fake.free = false;
  t.is(pick(c, a, d, b), 'i1');
});

test('the one to avoid is not picked when it is full, or not ready, itself', (t) => {
  const { fakes, subset, pick } = setUp(2);
  const [avoid, other] = fakes as [Fake, Fake];
  for (const fake of fakes) fake.free = false;
  t.is(pick(avoid), null);
  subset.slotFreed();
  Object.assign(avoid, { free: true, state: 'connecting' });
  t.is(pick(avoid), null);
  other.free = true;
  subset.slotFreed();
  t.is(pick(avoid), 'i1');
});

test('the only free one of many is found, and every full one that was met is asked for more', (t) => {
  const { fakes, pick } = setUp(50);
  for (const fake of fakes) fake.free = false;
  (fakes[37] as Fake).free = true;
  t.is(pick(), 'i37');
  t.true((fakes[0] as Fake).wanted > 0 && (fakes[36] as Fake).wanted > 0);
  t.is((fakes[37] as Fake).wanted, 0);
});

test('when all are full they are not looked through again before one may have changed', (t) => {
  const { fakes, subset, pick } = setUp(10);
  for (const fake of fakes) fake.free = false;
  t.is(pick(), null);
  for (const fake of fakes) fake.looked = 0;
  for (let i = 0; i < 100; i++) t.is(pick(), null);
  t.is(
    fakes.reduce((sum, { looked }) => sum + looked, 0),
    0,
  );
  (fakes[4] as Fake).free = true;
  subset.slotFreed();
  t.is(pick(), 'i4');
});

test('a member that becomes ready ends the state of being full', (t) => {
  const { fakes, subset, pick } = setUp(2);
  for (const fake of fakes) fake.free = false;
  Object.assign(fakes[1] as Fake, { state: 'connecting', free: true });
  subset.invalidate();
  t.is(pick(), null);
  (fakes[1] as Fake).state = 'ready';
  subset.invalidate();
  t.is(pick(), 'i1');
});

test('the position outlasts changes of the set, also one that leaves nobody for a while', (t) => {
  const { fakes, pick, set } = setUp(4);
  t.deepEqual([pick(), pick()], ['i0', 'i1']);
  set([]);
  t.is(pick(), null);
  set(fakes);
  t.is(pick(), 'i2');
});

test('there is hope while a member is ready, even if full, or connecting', (t) => {
  const { fakes, subset } = setUp(3);
  for (const [list, hopeful] of [
    [['backoff', 'backoff', 'ready'], true],
    [['backoff', 'connecting', 'backoff'], true],
    [['backoff', 'backoff', 'backoff'], false],
    [['draining', 'unhealthy', 'ejected'], false],
  ] as const) {
    for (const [i, state] of list.entries()) Object.assign(fakes[i] as Fake, { state, free: false });
    t.is(subset.hopeful, hopeful, String(list));
  }
});
