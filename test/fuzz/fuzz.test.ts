import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type FuzzInput, generate } from './generate.ts';
import { runInput } from './run_input.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
/** The same inputs in every run: `npm run fuzz` tries others. */
const SEED = 20_260;
const TIME_MS = 2_500;

for (const name of readdirSync(FIXTURES).filter((file) => file.endsWith('.json'))) {
  test.serial(`what fuzzing found once stays mended: ${name}`, async (t) => {
    t.is(await runInput(JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')) as FuzzInput), null);
  });
}

for (const role of ['server', 'client'] as const) {
  test.serial(
    `as a ${role}: no sequence of frames makes the engine throw, hang, hold too much or lose credit`,
    async (t) => {
      const until = Date.now() + TIME_MS;
      let seed = SEED;
      for (; Date.now() < until; seed++) t.is(await runInput(generate(seed, role)), null, `seed ${seed}`);
      t.true(seed > SEED);
    },
  );
}
