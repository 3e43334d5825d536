import test from 'ava';
import { Load } from '../../../src/dataplane/balancing/load.ts';
import { LoadTable } from '../../../src/dataplane/balancing/load_table.ts';
import { Maglev } from '../../../src/dataplane/balancing/maglev.ts';
import { LeastRequest } from '../../../src/dataplane/balancing/two_choices.ts';
import { TestContext } from '../../support/candidates.ts';
import { startPlane } from '../../support/plane.ts';

test('instances keep their figures when thousands more join', (t) => {
  const table = new LoadTable();
  const loads = Array.from({ length: 5_000 }, () => new Load(table));
  for (const [index, load] of loads.entries()) {
    load.inFlight = index;
    load.ended(index + 1, false, 0);
  }
  for (const [index, load] of loads.entries()) {
    t.is(load.inFlight, index);
    t.is(load.latency(0), index + 1);
  }
});

test('who joins after another has left begins with nothing, in the same place', (t) => {
  const table = new LoadTable();
  const [left, stays] = [new Load(table), new Load(table)];
  left.inFlight = 7;
  left.ended(50, true, 0);
  stays.inFlight = 3;
  const { line } = left;
  left.release();
  const joined = new Load(table);
  t.is(joined.line, line);
  t.deepEqual([joined.inFlight, joined.latency(0), joined.failureShare(0)], [0, 0, 0]);
  t.is(stays.inFlight, 3);
});

test('what is still written for one that has left is written to nobody', (t) => {
  const table = new LoadTable();
  const left = new Load(table);
  left.release();
  const joined = new Load(table);
  left.inFlight = 9;
  left.ended(100, true, 0);
  t.deepEqual([joined.inFlight, joined.latency(0), joined.failureShare(0)], [0, 0, 0]);
  left.release();
  t.not(new Load(table).line, joined.line, 'given back once only');
});

test('a picker sees the loads as they are now, also when the table has grown since it was made', (t) => {
  const table = new LoadTable();
  const members = ['a', 'b'].map((id) => ({ id, weight: 1, inFlight: 0, load: new Load(table) }));
  const least = new LeastRequest(members, new TestContext());
  const maglev = new Maglev(members, null);
  const key = 4;
  const usual = maglev.pick(key);
  for (let i = 0; i < 1_000; i++) new Load(table);
  for (const [busy, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    (members[busy] as (typeof members)[0]).load.inFlight = 100;
    (members[other] as (typeof members)[0]).load.inFlight = 0;
    for (let i = 0; i < 20; i++) t.is(least.pick(), other);
    // It asks how much there is in all as often as there are members.
    for (let i = 0; i < 3; i++) maglev.pick(key);
    t.is(maglev.pick(key), other, `usually ${usual}`);
  }
});

test('an instance that leaves gives its place to one that joins', async (t) => {
  const plane = await startPlane(t);
  const room = plane.data.loads.values.length;
  // Nobody listens there: they are dialed in vain.
  const at = (host: number) => ({ address: `127.0.1.${host}:9` });
  for (let i = 1; i < 250; i++) plane.tell('shop', [at(i), at(i + 1)]);
  t.is(plane.data.loads.values.length, room);
});
