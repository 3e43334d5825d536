import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { MAIN } from '../support/sidecar.ts';

for (const command of [['schema'], ['completions', 'bash'], ['--help']]) {
  test(`"outrigger ${command.join(' ')}" ends well when nobody reads what it prints`, async (t) => {
    const child = spawn(process.execPath, [MAIN, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    t.is(errors, '');
    t.is(code, 0);
  });
}
