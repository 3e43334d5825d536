import test from 'ava';
import { align, figureTable, ratiosTo, remarks, requestTable } from '../../bench/load/report.ts';
import { type Row, rowOf, type Sample } from '../../bench/load/turns.ts';
import { W1 } from '../../bench/load/workloads/requests.ts';
import { type FigureWorkload, failedRun, type Run } from '../../bench/load/workloads/workload.ts';

function sample(cpu: number, p99: number, run: Partial<Run> = {}): Sample {
  const latency = { mean: p99 / 4, p50: p99 / 2, p99, p999: p99 * 2, max: p99 * 3 };
  return {
    run: { done: 100, worked: 100, failed: 0, perSecond: 1_000, latency, problem: null, note: null, ...run },
    cpu,
    residentMb: 50,
  };
}

function row(name: string, ...samples: Sample[]): Row {
  return rowOf('W1', { name, samples });
}

test('a row is the medians of its runs', (t) => {
  const { middle } = row('outrigger', sample(9, 100), sample(6, 300), sample(7, 200));
  t.is(middle?.cpu, 7);
  t.is(middle?.latency.p99, 200);
});

test('a run with failed requests does not count, and is shown', (t) => {
  const bad = sample(1, 1, { failed: 3, problem: '3 requests failed' });
  const { middle, failed, notes } = row('nghttpx', sample(8, 100), bad, sample(10, 100));
  t.is(middle?.cpu, 9);
  t.is(failed, 3);
  t.deepEqual(notes, ['3 requests failed', '1 of 3 runs do not count']);
});

test('a proxy none of whose runs counts has a line without figures', (t) => {
  const result = { workload: W1, rows: [row('outrigger', sample(6, 100)), row('slow', lost(), lost())] };
  const line = requestTable([result]).split('\n')[2] ?? '';
  t.regex(line, /^W1 +slow +- +us\/request +- /);
  t.regex(remarks([result]), /slow: did not finish/);
});

function lost(): Sample {
  return { run: failedRun('did not finish'), cpu: null, residentMb: null };
}

test('ratios divide our figure by theirs', (t) => {
  const ratios = ratiosTo(row('outrigger', sample(6, 100)), row('nghttpx', sample(8, 400)));
  t.deepEqual([ratios.cpu, ratios.p50, ratios.p99], [0.75, 0.25, 0.25]);
});

test('ratios are those of runs of one round, whatever becomes of the machine between rounds', (t) => {
  const ours = row('outrigger', sample(6, 100), sample(20, 100), sample(9, 100));
  const theirs = row('nghttpx', sample(8, 100), sample(40, 100), sample(10, 100));
  t.is(ratiosTo(ours, theirs).cpu, 0.75);
});

test('the table shows our own line without ratios and each peer with them', (t) => {
  const rows = [row('outrigger', sample(6, 100)), row('nghttpx', sample(8, 400))];
  const [head, ours, theirs] = requestTable([{ workload: W1, rows }]).split('\n');
  t.regex(head ?? '', /CPU x +p50 x +p99 x$/);
  t.regex(ours ?? '', /^W1 +outrigger +6\.00 +us\/request +1,000 +25 +50 +100 +200 +300 +0 +50$/);
  t.regex(theirs ?? '', /0\.75 +0\.25 +0\.25$/);
});

test('single figures stand with their target, and unknown ones as a dash', (t) => {
  const workload = { kind: 'figures', id: 'W6', title: 'memory' } as FigureWorkload;
  const figures = [
    { name: 'idle', value: 64.25, unit: 'MB', target: 'at most 90 MB' },
    { name: 'connected', value: null, unit: 'MB', target: '', note: 'not within 30 s' },
  ];
  const table = figureTable([{ workload, figures }]);
  t.regex(table, /W6 +idle +64\.3 +MB +at most 90 MB/);
  t.regex(table, /W6 +connected +- +MB/);
  t.regex(remarks([{ workload, figures }]), /connected: not within 30 s/);
});

test('columns are as wide as their widest cell, and groups stand apart', (t) => {
  const lines = [
    ['a', '1'],
    ['a', '10'],
    ['bc', '2'],
  ];
  t.is(
    align(['x', 'n'], lines, (column) => column === 'n'),
    'x    n\na    1\na   10\n\nbc   2',
  );
});
