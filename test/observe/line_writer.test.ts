import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { LineWriter } from '../../src/observe/line_writer.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual_clock.ts';

function start(t: ExecutionContext, name = 'access.log', limit = 1_000_000) {
  const directory = mkdtempSync(join(tmpdir(), 'outrigger-lines-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, name);
  const clock = manualClock();
  const told = { dropped: 0, failures: [] as string[] };
  const writer = new LineWriter({
    file,
    clock,
    limit,
    dropped: (lines) => {
      told.dropped += lines;
    },
    failed: (reason) => told.failures.push(reason),
  });
  return { file, clock, told, writer, directory };
}

test('lines are written together, a moment after the first', async (t) => {
  const { file, clock, writer } = start(t);
  writer.write('a\n', 1);
  writer.write('b\n', 1);
  t.throws(() => readFileSync(file));
  clock.advance(100);
  await eventually(() => readFileSync(file, 'utf8') === 'a\nb\n');
  writer.write('é\n', 1);
  await writer.close();
  t.is(readFileSync(file, 'utf8'), 'a\nb\né\n');
});

test('much is written at once, and in order', async (t) => {
  const { file, writer, told } = start(t);
  let expected = '';
  for (let i = 0; i < 100; i++) {
    const text = `${String(i).padStart(4999, '.')}\n`;
    expected += text;
    writer.write(text, 1);
  }
  await writer.close();
  t.is(readFileSync(file, 'utf8'), expected);
  t.is(told.dropped, 0);
});

test('lines for which there is no room are dropped and counted, and whoever writes never waits', async (t) => {
  const { file, directory, told, writer } = start(t, 'pipe', 200_000);
  execFileSync('mkfifo', [file]);
  const text = `${'x'.repeat(9_999)}\n`;
  // Nobody reads: opening the pipe takes until somebody does.
  for (let i = 0; i < 40; i++) writer.write(text, 1);
  t.true(told.dropped > 0 && told.dropped < 40);
  let octets = 0;
  createReadStream(file).on('data', (chunk) => {
    octets += chunk.length;
  });
  await eventually(() => octets > 0);
  await writer.close();
  await eventually(() => octets === (40 - told.dropped) * text.length);
  t.deepEqual(told.failures, []);
  t.true(directory.length > 0);
});

test('a file that cannot be written is told of once, and its lines are counted as lost', async (t) => {
  const { clock, told, writer } = start(t, 'missing/access.log');
  for (let i = 1; i <= 3; i++) {
    writer.write('a\n', 1);
    clock.advance(100);
    await eventually(() => told.dropped === i);
  }
  t.is(told.failures.length, 1);
  t.regex(told.failures[0] ?? '', /ENOENT/);
  await writer.close();
});
