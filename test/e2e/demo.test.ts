import test from 'ava';
import { startProcess } from '../support/process.ts';
import { MAIN, runOutrigger } from '../support/sidecar.ts';

test.serial('the demo makes its calls, none fails, and it exits with 0', async (t) => {
  const { code, output } = await runOutrigger(['demo']);
  t.is(code, 0, output);
  t.regex(output, /no match found conn: service "book" has no instance of version "v9" \(v1: 2, v2: 1\)/);
  t.regex(output, /unary +30 +10 +10 +10 +0\n/);
  t.regex(output, /none failed/);
});

test.serial('demo --keep stays until it is told to go, with the sidecar reachable', async (t) => {
  const demo = startProcess(process.execPath, [MAIN, 'demo', '--keep'], { closeStdin: true });
  try {
    const [, admin] = await demo.waitFor(/curl (http:\S+)\/services/, 60_000);
    await demo.waitFor(/Ctrl-C ends it/);
    const services = (await (await fetch(`${admin}/services`)).json()) as { name: string }[];
    t.deepEqual(
      services.map(({ name }) => name),
      ['book'],
    );
    demo.signal('SIGTERM');
    t.is(await demo.exited, 0, demo.output());
    await t.throwsAsync(fetch(`${admin}/services`), undefined, 'the sidecar is gone with the demo');
  } finally {
    await demo.kill();
  }
});
