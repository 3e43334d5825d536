import test from 'ava';
import {
  cpuSeconds,
  parseCpuLine,
  parseResident,
  parseStat,
  residentMb,
  watchOthers,
} from '../../bench/load/accounting.ts';
import { parseCpuList } from '../../bench/load/machine.ts';

test('CPU time counts user and system time of the process and of its ended children, whatever its name holds', (t) => {
  const line =
    '4242 (tricky) name (x) S 17 4242 4242 0 -1 4194304 100 200 0 0 31 12 5 2 20 0 11 0 8812 1000 200 184467 1 1 0';
  t.deepEqual(parseStat(line), { parent: 17, ticks: 31 + 12 + 5 + 2 });
});

test('resident memory comes in KiB, and a process that is ending has none', (t) => {
  t.is(parseResident('Name:\tnode\nVmHWM:\t  999 kB\nVmRSS:\t  123456 kB\n'), 123_456);
  t.is(parseResident('Name:\tnode\nState:\tZ (zombie)\n'), 0);
});

test('the work of a machine is that of programs, idle time and interrupts are not, and guest time is not counted twice', (t) => {
  t.deepEqual(parseCpuLine('cpu  100 5 40 800 50 1 2 3 90 0\ncpu0 1 1 1 1\n'), { total: 1_001, work: 148 });
});

test('the CPUs that may be used are single ones and ranges', (t) => {
  t.deepEqual(parseCpuList('0-2,5,8-9\n'), [0, 1, 2, 5, 8, 9]);
});

test('what this process itself does is not what others do', (t) => {
  const others = watchOthers();
  for (const end = performance.now() + 50; performance.now() < end; );
  const share = others();
  t.true(share >= 0 && share <= 1);
});

test('this very process has used CPU time and memory', (t) => {
  t.true(cpuSeconds(process.pid) > 0);
  t.true(residentMb(process.pid) > 10);
});
