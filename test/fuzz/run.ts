/**
 * Throws generated and damaged frame sequences at a connection, in both roles, for a while:
 *
 *     npm run fuzz -- --seconds 60 --seed 1 --role client|server
 *
 * and ends with 1 when one of them makes the engine throw, hang, hold more than it may, lose credit or forget a stream. The input is
 * made smaller, and written to test/fuzz/fixtures/, where `npm test` tries it from then on.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { type FuzzInput, generate, type Role, type Step } from './generate.ts';
import { runInput } from './run_input.ts';

/** One input takes milliseconds. */
const HANGS_AFTER = 15_000;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, role: { type: 'string' } },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
const roles: readonly Role[] =
  values.role === undefined ? ['server', 'client'] : [values.role === 'client' ? 'client' : 'server'];
const until = Date.now() + Number(values.seconds) * 1_000;
console.log(`seed ${seed}, ${values.seconds} s, as ${roles.join(' and ')}`);

const found = await Promise.all(roles.map((role) => fuzz(role)));
process.exit(found.some(Boolean) ? 1 : 0);

/** True when something was found. */
async function fuzz(role: Role): Promise<boolean> {
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { role, from: seed, until, progress },
  });
  const { promise, resolve } = Promise.withResolvers<{ seed: number; fault: string } | null>();
  worker.once('message', resolve);
  worker.once('error', (error) => resolve({ seed: progress[0] as number, fault: error.stack ?? error.message }));
  worker.once('exit', () => resolve(null));
  let before = -1;
  const watch = setInterval(() => {
    if (progress[0] === before) resolve({ seed: before, fault: `it hangs: no end within ${HANGS_AFTER} ms` });
    before = progress[0] as number;
  }, HANGS_AFTER);
  const failure = await promise;
  clearInterval(watch);
  await worker.terminate();
  console.log(`${role}: ${(progress[0] as number) - seed + 1} inputs`);
  if (failure === null) return false;
  const input = generate(failure.seed, role);
  const small = failure.fault.startsWith('it hangs') ? input : await shrink(input);
  const file = join(import.meta.dirname, 'fixtures', `${role}_${failure.seed}.json`);
  writeFileSync(file, `${JSON.stringify(small, null, 1)}\n`);
  console.log(
    `${role}, seed ${failure.seed}: ${failure.fault}\n${small.steps.length} of ${input.steps.length} steps in ${file}`,
  );
  return true;
}

/** Leaves steps out as long as something still goes wrong. */
async function shrink(input: FuzzInput): Promise<FuzzInput> {
  let steps: readonly Step[] = input.steps;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < steps.length; ) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      if ((await runInput({ ...input, steps: fewer })) !== null) steps = fewer;
      else at += size;
    }
  }
  return { ...input, steps };
}
