import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { LastGoodStore } from '../../../src/control/last_good/store.ts';
import { encodeSet, fileName, type SetKey } from '../../../src/control/last_good/stored_set.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { recordingLog } from '../../support/recording_log.ts';
import { instanceOn } from '../../support/scripted_registry.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

const KEY: SetKey = { registry: 'main', path: '/services/book/', format: 'auto' };
const INSTANCES = [instanceOn(1, { version: 'v1', weight: 2, zone: 'a', metadata: { a: 'b' } }), instanceOn(2)];

function setUp(directory = temporaryDirectory()) {
  const clock = manualClock(Date.UTC(2026, 0, 1));
  const log = recordingLog();
  const files = (): string[] => readdirSync(join(directory, 'last-good'));
  return { directory, clock, log, files, store: new LastGoodStore(directory, clock, log) };
}

/** A store with one set on disk. */
async function stored() {
  const world = setUp();
  world.store.save(KEY, { instances: INSTANCES, confirmedAt: world.clock.now() });
  await world.store.flush();
  const [name = ''] = world.files();
  return { ...world, file: join(world.directory, 'last-good', name), fresh: setUp(world.directory) };
}

test('what was saved is what another process loads, with its age', async (t) => {
  const { clock, fresh, files } = await stored();
  t.deepEqual(await fresh.store.load(KEY), { instances: INSTANCES, confirmedAt: clock.now() });
  t.deepEqual(files(), [fileName(KEY)], 'nothing else is left in the directory');
  t.deepEqual(fresh.log.lines, []);
});

test('what was never saved is nothing, and no reason to warn', async (t) => {
  const { store, log } = setUp();
  t.is(await store.load(KEY), null);
  t.deepEqual(log.lines, []);
});

test('many changes within seconds are one write', async (t) => {
  const { store, clock, files, directory } = setUp();
  for (let n = 0; n < 100; n++) store.save(KEY, { instances: [instanceOn(n + 1)], confirmedAt: clock.now() });
  t.is(clock.pending, 1);
  t.throws(() => readdirSync(join(directory, 'last-good')));
  clock.advance(3_000);
  await store.flush();
  t.is(files().length, 1);
  t.is((await store.load(KEY))?.instances[0]?.address, '127.0.0.1:100');
});

test('a set that is only confirmed again is not written anew at once', async (t) => {
  const { store, clock, file } = await stored();
  utimesSync(file, 1, 1);
  store.save(KEY, { instances: INSTANCES, confirmedAt: clock.now() });
  await store.flush();
  t.is(statSync(file).mtimeMs, 1_000);
  clock.advance(400_000);
  store.save(KEY, { instances: INSTANCES, confirmedAt: clock.now() });
  await store.flush();
  t.not(statSync(file).mtimeMs, 1_000);
});

test('an empty set takes the file away', async (t) => {
  const { store, clock, files } = await stored();
  store.save(KEY, { instances: [], confirmedAt: clock.now() });
  await store.flush();
  t.deepEqual(files(), []);
});

for (const [what, spoil] of Object.entries({
  'cut off': (file: string) => truncateSync(file, statSync(file).size - 20),
  empty: (file: string) => truncateSync(file, 0),
  changed: (file: string) => writeFileSync(file, readFileSync(file, 'utf8').replace('127.0.0.1:1', '127.0.0.1:9')),
  foreign: (file: string) => writeFileSync(file, '{"some":"thing"}\n[]\n'),
  binary: (file: string) => writeFileSync(file, Buffer.from([0, 255, 10, 0, 1])),
  'of another query': (file: string) =>
    writeFileSync(file, encodeSet({ ...KEY, path: '/other/' }, { instances: INSTANCES, confirmedAt: 1 })),
  'of a later version': (file: string) =>
    writeFileSync(file, readFileSync(file, 'utf8').replace('"outrigger_last_good":1', '"outrigger_last_good":2')),
  'of no instances': (file: string) =>
    writeFileSync(file, encodeSet(KEY, { instances: [{ address: 'nowhere' }] as never, confirmedAt: 1 })),
})) {
  test(`a file that is ${what} is ignored with a warning`, async (t) => {
    const { file, fresh } = await stored();
    spoil(file);
    t.is(await fresh.store.load(KEY), null);
    t.is(fresh.log.messages('warn').length, 1);
    t.is(fresh.log.lines[0]?.fields.file, file);
  });
}

test('a directory that cannot be written is one warning, and no failure', async (t) => {
  const { store, clock, log, directory } = setUp();
  // A file where the directory would be: not even root can write there.
  writeFileSync(join(directory, 'last-good'), '');
  for (let n = 1; n < 4; n++) {
    store.save(KEY, { instances: [instanceOn(n)], confirmedAt: clock.now() });
    await store.flush();
  }
  t.is(log.messages('warn').length, 1, JSON.stringify(log.lines));
  t.regex(String(log.lines[0]?.fields.hint), /state_dir/);
});

test('what a process that died left half written is removed, and others can read nothing', async (t) => {
  const { store, clock, files, directory } = setUp();
  mkdirSync(join(directory, 'last-good'), { mode: 0o700 });
  chmodSync(join(directory, 'last-good'), 0o700);
  writeFileSync(join(directory, 'last-good', 'x.json.1.tmp'), 'half');
  store.save(KEY, { instances: INSTANCES, confirmedAt: clock.now() });
  await store.flush();
  t.deepEqual(files(), [fileName(KEY)]);
  t.is(statSync(join(directory, 'last-good', fileName(KEY))).mode & 0o077, 0);
});
