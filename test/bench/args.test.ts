import test from 'ava';
import { type Choices, type Options, parseCommandLine } from '../../bench/load/args.ts';

const CHOICES: Choices = {
  workloads: [
    { id: 'W1', group: 'W1', byDefault: true },
    { id: 'W2b-1k', group: 'W2b', byDefault: true },
    { id: 'W2b-10k', group: 'W2b', byDefault: true },
    { id: 'soak', group: 'soak', byDefault: false },
  ],
  peers: ['nghttpx', 'haproxy'],
};

function options(...argv: string[]): Options {
  const parsed = parseCommandLine(argv, CHOICES);
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed));
  return parsed.options;
}

function complaint(...argv: string[]): string {
  const parsed = parseCommandLine(argv, CHOICES);
  return parsed.kind === 'usage' ? parsed.message : `no complaint but ${parsed.kind}`;
}

test('without arguments everything that runs by default runs, three rounds, beside every peer', (t) => {
  const { workloads, against, rounds, requests, build, install, quick } = options();
  t.deepEqual(workloads, ['W1', 'W2b-1k', 'W2b-10k']);
  t.deepEqual(against, ['nghttpx', 'haproxy']);
  t.deepEqual([rounds, requests, build, install, quick], [3, null, true, true, false]);
});

test('a workload is chosen by its name in any case, or with others by that of its group', (t) => {
  t.deepEqual(options('w1').workloads, ['W1']);
  t.deepEqual(options('W2b').workloads, ['W2b-1k', 'W2b-10k']);
  t.deepEqual(options('W2B-10K', 'W1').workloads, ['W1', 'W2b-10k']);
});

test('the soak runs only when it is named or given a length', (t) => {
  t.deepEqual(options('soak').workloads, ['soak']);
  const { workloads, soak } = options('W1', '--soak', '10m');
  t.deepEqual(workloads, ['W1', 'soak']);
  t.is(soak, 600_000);
});

test('peers are given as a list or one by one, and keep their order', (t) => {
  t.deepEqual(options('--against', 'haproxy,nghttpx').against, ['nghttpx', 'haproxy']);
  t.deepEqual(options('--against', 'haproxy').against, ['haproxy']);
});

test('an unknown name is an error that lists what there is', (t) => {
  t.is(complaint('W7'), 'unknown workload "W7"\nthere are: W1, W2b, W2b-1k, W2b-10k, soak');
  t.is(complaint('--against', 'traefik'), 'unknown peer "traefik"\nthere are: nghttpx, haproxy');
  t.regex(complaint('--round', '3'), /--round[\s\S]*flags: --rounds, --against/);
});

test('numbers and durations that are none are errors', (t) => {
  t.regex(complaint('--rounds', '0'), /--rounds 0: expected a whole number/);
  t.regex(complaint('--requests', '1e3'), /--requests 1e3: expected a whole number/);
  t.regex(complaint('--soak', '10'), /--soak 10: expected a duration/);
});

test('--quick takes one round unless it is told otherwise', (t) => {
  t.is(options('--quick').rounds, 1);
  t.is(options('--quick', '--rounds', '2').rounds, 2);
});
