/**
 * `npm run bench:micro`: all micro benchmarks, each file in a process of its own, so that no case is compiled for what another one
 * did. `npm run bench:micro -- hpack picks` runs these files only; `--quick` shows that they work.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const NO_BENCHMARKS = ['run.ts', 'measure.ts', 'null_socket.ts'];
/** A file that takes longer is stuck, in milliseconds. */
const LONGEST = 300_000;

const words = process.argv.slice(2);
const flags = words.filter((word) => word.startsWith('--'));
const asked = words.filter((word) => !word.startsWith('--'));
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !NO_BENCHMARKS.includes(file))
  .map((file) => file.slice(0, -3));

const unknown = [
  ...asked.filter((name) => !names.includes(name)),
  ...flags.filter((flag) => !['--quick', '--json', '--help'].includes(flag)),
];
if (unknown.length > 0 || flags.includes('--help')) {
  if (unknown.length > 0) process.stderr.write(`unknown: ${unknown.join(', ')}\n`);
  process.stderr.write(`npm run bench:micro -- [NAME...] [--quick] [--json]\nthere are: ${names.join(', ')}\n`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

for (const name of asked.length === 0 ? names : asked) {
  if (!flags.includes('--json')) process.stdout.write(`\n${name}\n`);
  const { status, signal } = spawnSync(process.execPath, [`${import.meta.dirname}/${name}.ts`, ...flags], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: LONGEST,
  });
  if (status !== 0) {
    process.stderr.write(`${name} ended with ${status ?? signal}\n`);
    process.exitCode = 1;
  }
}
