import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { seeded } from '../support/seeded.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './faults/all.ts';
import { MemoryLevels, memoryAtRest } from './memory.ts';
import { type Played, play } from './play.ts';
import { Stage } from './stage.ts';
import { table } from './table.ts';

const USAGE = `npm run chaos [-- --seed N --minutes M --only NAME ...]

A sidecar, five instances, real clients; faults one at a time, then together. Prints a table, and the promises that were not kept.
  --seed N      the same choices as in another run (default: another one each time)
  --minutes M   begins again with the first fault until so many minutes have passed (default: once); memory at rest is
                compared from one time to the next
  --only NAME   only the faults whose names contain this; may be given several times
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '0' },
    only: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false },
  },
});
const seed = values.seed === undefined ? Math.trunc(Math.random() * 1e6) : Number(values.seed);
const minutes = Number(values.minutes);
const chosen = FAULTS.filter(({ name }) => values.only?.some((part) => name.includes(part)) ?? true);
if (values.help || chosen.length === 0 || !Number.isFinite(seed) || !Number.isFinite(minutes)) {
  console.error(`${USAGE}\nFaults: ${FAULTS.map(({ name }) => name).join(', ')}`);
  process.exit(values.help ? 0 : 2);
}
process.exitCode = (await run()) ? 0 : 1;

async function run(): Promise<boolean> {
  const random = seeded(seed);
  const withEtcd = spawnSync('etcd', ['--version'], { stdio: 'ignore' }).status === 0;
  if (!withEtcd) console.error('SKIPPED: this machine has no etcd; faults of the registry are left out');
  const until = performance.now() + minutes * 60_000;
  const stage = await Stage.build(withEtcd);
  const hole =
    stage.namespace === null
      ? 'a silent proxy (no network namespace can be made here)'
      : 'packets dropped in a network namespace';
  console.log(`seed ${seed}; registry: ${withEtcd ? 'etcd' : 'file'}; black hole: ${hole}\n`);
  const rss = stage.sidecar.rss();
  const all: Played[] = [];
  const memory = new MemoryLevels();
  const playAll = async (faults: readonly Fault[]): Promise<void> => {
    for (const fault of faults) {
      if (fault.etcd && !withEtcd) continue;
      const played = await play(stage, fault, random, rss);
      all.push(played);
      console.error(`${fault.name}: ${fault.about}`);
      for (const promise of played.broken) console.error(`  NOT KEPT: ${promise}`);
    }
  };
  // Another sidecar has other memory: what ends this one comes last.
  const [ending, others] = [chosen.filter(({ ends }) => ends), chosen.filter(({ ends }) => !ends)];
  try {
    memory.add(await memoryAtRest(stage));
    do {
      await playAll(others);
      memory.add(await memoryAtRest(stage));
      console.error(`${memory}`);
    } while (others.length > 0 && performance.now() < until);
    await playAll(ending);
  } finally {
    await stage.end();
  }
  console.log(table(all));
  console.log(`${memory}\n`);
  for (const promise of memory.broken) console.log(`NOT KEPT: ${promise}`);
  const broken = all.filter((played) => played.broken.length > 0);
  for (const { fault, broken: promises } of broken) console.log(`${fault.name}: NOT KEPT: ${promises.join('; ')}`);
  return broken.length === 0 && memory.broken.length === 0;
}
