import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseCommandLine } from '../../src/cli/args.ts';
import { EventQueue } from '../../src/cli/simulate/event_queue.ts';
import { spreadOf } from '../../src/cli/simulate/spread.ts';
import { runSimulate } from '../../src/cli/simulate.ts';
import { seeded } from '../support/seeded.ts';
import { temporaryDirectory } from '../support/sidecar.ts';

/** Runs the command line on a config with these services; gives what it printed. */
async function run(services: Record<string, object>, ...flags: string[]) {
  const directory = temporaryDirectory();
  const registries = { f: { type: 'file', path: 'x.yaml' } };
  writeFileSync(join(directory, 'c.yaml'), JSON.stringify({ registries, services }));
  const command = parseCommandLine(['simulate', '--config', 'c.yaml', ...flags], {}, directory);
  if (command.kind !== 'simulate') throw new Error(JSON.stringify(command));
  const written = { out: '', err: '' };
  const code = await runSimulate(command, {
    out(text) {
      written.out += text;
    },
    err(text) {
      written.err += text;
    },
    color: false,
  });
  return { code, ...written };
}

interface Json {
  readonly sidecars_simulated: number;
  readonly calls_per_instance: { min: number; mean: number; max: number; coefficient_of_variation: number };
  readonly connections_per_instance: { min: number; mean: number; max: number };
  readonly failing: { instances: number; share_of_calls: number };
  readonly slow: { instances: number; share_of_calls: number };
  readonly ejections: number;
  readonly one_leaves_or_joins: {
    connections_moved: number;
    of_them_its_own: number;
    share_of_keys_moved: number | null;
  };
  readonly policy_faults: readonly string[];
}

async function json(keys: object, ...flags: string[]): Promise<Json> {
  const { code, out, err } = await run({ book: keys }, '--json', ...flags);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as Json;
}

test('round robin: exactly as many calls for each', async (t) => {
  const { calls_per_instance } = await json({}, '--instances', '100', '--calls', '10000');
  t.like(calls_per_instance, { min: 100, mean: 100, max: 100, coefficient_of_variation: 0 });
});

test('the same seed gives the same figures, another one gives others', async (t) => {
  const flags = ['--instances', '50', '--calls', '5000', '--fail', '10%', '--slow', '10%'];
  const first = await run({ book: { balance: 'least_request' } }, ...flags);
  t.deepEqual(await run({ book: { balance: 'least_request' } }, ...flags), first);
  t.notDeepEqual(await run({ book: { balance: 'least_request' } }, ...flags, '--seed', '2'), first);
});

test('instances that fail are seen by outlier detection, and by policies that look at load', async (t) => {
  const flags = ['--instances', '100', '--calls', '50000', '--fail', '5%', '--slow', '10%'];
  const blind = await json({ outlier: 'off' }, ...flags);
  t.true(Math.abs(blind.failing.share_of_calls - 0.05) < 0.001 && Math.abs(blind.slow.share_of_calls - 0.1) < 0.001);
  t.deepEqual([blind.failing.instances, blind.slow.instances, blind.ejections], [5, 10, 0]);
  const watched = await json({}, ...flags);
  t.true(watched.failing.share_of_calls < 0.01 && watched.ejections >= 5, JSON.stringify(watched));
  const aware = await json({ balance: 'peak_ewma', outlier: 'off' }, ...flags);
  t.true(aware.failing.share_of_calls < 0.01 && aware.slow.share_of_calls < 0.02, JSON.stringify(aware));
});

test('a subset: connections are what it says, and one change moves few of them', async (t) => {
  const flags = ['--instances', '200', '--calls', '20000', '--sidecars', '100'];
  const report = await json({ subset: 20 }, ...flags);
  t.is(report.connections_per_instance.mean, 10);
  t.is(report.sidecars_simulated, 100);
  const { connections_moved, of_them_its_own } = report.one_leaves_or_joins;
  t.true(of_them_its_own > 0 && connections_moved === 2 * of_them_its_own, JSON.stringify(report));
  const all = await json({}, ...flags);
  t.like(all, { connections_per_instance: { min: 100, max: 100 }, one_leaves_or_joins: { connections_moved: 100 } });
});

test('policies that hash: how many keys one change moves', async (t) => {
  const flags = ['--instances', '100', '--calls', '1000'];
  const moved = async (balance: string): Promise<number | null> =>
    (await json({ balance }, ...flags)).one_leaves_or_joins.share_of_keys_moved;
  const [ring, maglev] = [await moved('ring_hash'), await moved('maglev')] as [number, number];
  t.true(ring > 0.003 && ring < 0.02, String(ring));
  t.true(maglev > 0.003 && maglev < 0.06, String(maglev));
  t.is(await moved('random'), null);
});

test('weights and zones are those of the instances in the config, a policy of one’s own is loaded, and what it does wrong is said', async (t) => {
  const directory = temporaryDirectory();
  const path = join(directory, 'policy.mjs');
  writeFileSync(path, 'export default () => ({ pick: () => -1 })');
  const broken = await json({ balance: path }, '--instances', '10', '--calls', '100');
  t.regex(broken.policy_faults.join(), /picked -1/);
  t.is(broken.calls_per_instance.coefficient_of_variation, 0);
});

test('the text names the service, its policy and the figures', async (t) => {
  const { code, out } = await run(
    { a: {}, b: { balance: 'maglev', subset: 5 } },
    ...['--service', 'b', '--instances', '50', '--calls', '2000', '--sidecars', '10', '--fail', '2%'],
  );
  t.is(code, 0);
  t.regex(out, /^service "b", maglev, 50 instances, 10 sidecars with a subset of 5, seed 1\n2,000 calls in /);
  t.regex(out, /\nper instance +min +mean +p99 +max +variation\ncalls +\d+/);
  t.regex(out, /\nconnections +\d+ +1\.0 /);
  t.regex(out, /\ncalls to instances that fail: [\d.]+% \(they are 2\.00%\)\n/);
  t.regex(out, /\none instance that leaves or joins moves \d+ connections?/);
});

test('a service that is not there, and numbers that are none, are refused', async (t) => {
  const { code, err } = await run({ book: {} }, '--service', 'bok');
  t.is(code, 2);
  t.is(err, 'the config has no service "bok"\n  hint: did you mean "book"?\n');
  for (const [flag, value, hint] of [
    ['instances', '0', 'a whole number from 1 to 100000'],
    ['calls', 'many', 'a whole number from 1 to 1000000000'],
    ['sidecars', '1.5', 'a whole number from 1 to 10000'],
    ['fail', '5', 'a share such as 10%'],
    ['seed', '-1', ''],
  ] as const) {
    const command = parseCommandLine(['simulate', `--${flag}=${value}`], {}, '/');
    t.is(command.kind, 'usage', flag);
    if (command.kind === 'usage') t.true(command.hint.includes(hint), command.hint);
  }
  t.is(parseCommandLine(['simulate', '--fail', '60%', '--slow', '60%'], {}, '/').kind, 'usage');
});

test('events come in the order of their times', (t) => {
  const random = seeded(5);
  const queue = new EventQueue();
  const times = Array.from({ length: 5_000 }, () => random() * 100);
  for (const [event, time] of times.entries()) queue.push(time, event, time * 2);
  const order = [...times.keys()].sort((a, b) => (times[a] as number) - (times[b] as number));
  for (const event of order) {
    t.is(queue.next, times[event] as number);
    t.deepEqual([queue.event, queue.value], [event, (times[event] as number) * 2]);
    queue.drop();
  }
  t.is(queue.next, Number.POSITIVE_INFINITY);
});

test('a spread is told by its ends, its mean and its variation', (t) => {
  t.deepEqual(spreadOf(Float64Array.of(2, 4, 4, 4, 5, 5, 7, 9)), { min: 2, mean: 5, p99: 9, max: 9, cv: 0.4 });
  t.deepEqual(spreadOf(new Float64Array(3)), { min: 0, mean: 0, p99: 0, max: 0, cv: 0 });
});
