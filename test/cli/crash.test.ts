import test from 'ava';
import { crashText } from '../../src/cli/crash.ts';
import { runOutrigger, temporaryDirectory } from '../support/sidecar.ts';

/** A program that is broken where it prints. */
const BROKEN = `--import "data:text/javascript,process.stdout.write = () => { throw new Error('a fault of ours') }"`;

test('an error that nobody caught is told in one line, with a hint to report it, and is exit code 1', async (t) => {
  const env = { ...process.env, NODE_OPTIONS: BROKEN };
  const { code, stderr } = await runOutrigger(['schema'], { env, cwd: temporaryDirectory() });
  t.is(code, 1);
  t.regex(
    stderr,
    /^outrigger \d+\.\d+\.\d+ failed in a way that it should not: a fault of ours\n {2}hint: .*report it.*\n$/,
  );
});

test('its stack is shown to who sets OUTRIGGER_DEBUG', async (t) => {
  const env = { ...process.env, NODE_OPTIONS: BROKEN, OUTRIGGER_DEBUG: '1' };
  const { code, stderr } = await runOutrigger(['schema'], { env, cwd: temporaryDirectory() });
  t.is(code, 1);
  t.regex(stderr, /a fault of ours\nError: a fault of ours\n {4}at [\s\S]*schema\.ts[\s\S]*\n {2}hint: /);
});

test('a sidecar that crashes says where: it cannot be asked again', async (t) => {
  const env = { ...process.env, NODE_OPTIONS: BROKEN };
  const args = ['--static', 'a=127.0.0.1:1', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
  const { code, stderr } = await runOutrigger(['run', ...args, '--telemetry', '127.0.0.1:0'], { env });
  t.is(code, 1);
  t.regex(stderr, /a fault of ours\n[\s\S]*\n {4}at /);
});

test('what was thrown need be no Error', (t) => {
  t.regex(crashText({ error: 'text', version: '1.2.3', stack: true }), /^outrigger 1\.2\.3 .*: text\n {2}hint: /);
});
