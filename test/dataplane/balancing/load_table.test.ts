import test from 'ava';
import { Load } from '../../../src/dataplane/balancing/load.ts';
import { LoadTable } from '../../../src/dataplane/balancing/load_table.ts';

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
