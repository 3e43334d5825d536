import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DirectoryWatch } from '../../../src/control/files/directory_watch.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual_clock.ts';

/** A watch on a directory of its own, and how often it has told of something. */
async function setUp(t: ExecutionContext) {
  const clock = manualClock();
  const path = mkdtempSync(join(tmpdir(), 'outrigger-watch-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  let told = 0;
  const watch = new DirectoryWatch(clock, () => told++);
  t.teardown(() => watch.close());
  await watch.attach(path);
  return { clock, path, told: () => told };
}

test('what is written to a directory is told once it has settled', async (t) => {
  const { clock, path, told } = await setUp(t);
  const before = clock.pending;
  writeFileSync(join(path, 'a'), '1');
  await eventually(() => clock.pending > before);
  t.is(told(), 0);
  clock.advance(30);
  t.is(told(), 1);
});

test('a directory in which others write all the time is not watched on and on, but looked at once a second, and nothing is missed', async (t) => {
  const { clock, path, told } = await setUp(t);
  const file = join(path, 'busy.log');
  // Besides the rescan: the look after the last event, and the end of the pause.
  await eventually(() => {
    appendFileSync(file, 'line\n');
    return clock.pending === 3;
  });
  clock.advance(30);
  t.is(told(), 1);
  // Nobody hears of these.
  for (let i = 0; i < 100; i++) appendFileSync(file, 'line\n');
  await new Promise((resolve) => setImmediate(resolve));
  t.is(clock.pending, 2);
  clock.advance(1_000);
  // The watch is there again, and what it missed is looked for.
  await eventually(() => clock.pending === 2);
  clock.advance(30);
  t.is(told(), 2);
  appendFileSync(file, 'line\n');
  await eventually(() => clock.pending === 2);
  clock.advance(30);
  t.is(told(), 3);
});
