import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DirectoryWatch } from '../../../src/control/files/directory_watch.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual_clock.ts';

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'outrigger-watch-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

test('what is written to a directory is told once it has settled', async (t) => {
  const clock = manualClock();
  const path = directory(t);
  let told = 0;
  const watch = new DirectoryWatch(clock, () => told++);
  t.teardown(() => watch.close());
  await watch.attach(path);
  const before = clock.pending;
  writeFileSync(join(path, 'a'), '1');
  await eventually(() => clock.pending > before);
  t.is(told, 0);
  clock.advance(30);
  t.is(told, 1);
});

test('a directory in which others write all the time is not watched on and on, but looked at once a second, and nothing is missed', async (t) => {
  const clock = manualClock();
  const path = directory(t);
  let told = 0;
  const watch = new DirectoryWatch(clock, () => told++);
  t.teardown(() => watch.close());
  await watch.attach(path);
  const file = join(path, 'busy.log');
  // Besides the rescan: the look after the last event, and the end of the pause.
  await eventually(() => {
    appendFileSync(file, 'line\n');
    return clock.pending === 3;
  });
  clock.advance(30);
  t.is(told, 1);
  // Nobody hears of these.
  for (let i = 0; i < 100; i++) appendFileSync(file, 'line\n');
  await new Promise((resolve) => setImmediate(resolve));
  t.is(clock.pending, 2);
  clock.advance(1_000);
  // The watch is there again, and what it missed is looked for.
  await eventually(() => clock.pending === 2);
  clock.advance(30);
  t.is(told, 2);
  appendFileSync(file, 'line\n');
  await eventually(() => clock.pending === 2);
  clock.advance(30);
  t.is(told, 3);
});
