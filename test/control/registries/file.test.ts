import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openRegistry } from '../../../src/control/registries/open.ts';
import type { Registry } from '../../../src/control/registries/registry.ts';
import { type Records, registryContract } from '../../contract/registry.ts';
import { eventually } from '../../support/eventually.ts';
import { recordingListener } from '../../support/recording_listener.ts';

function entryOf(record: Records[string]): unknown {
  return 'garbage' in record ? JSON.parse(record.garbage) : record;
}

registryContract(test, 'file', { changes: true, goesAway: true }, async ({ records, clock, away = false }) => {
  const directory = await mkdtemp(join(tmpdir(), 'outrigger-file-'));
  const path = join(directory, 'instances.yaml');
  const aside = join(directory, 'aside');
  const write = (wanted: Records): Promise<void> =>
    writeFile(path, JSON.stringify({ services: { book: Object.values(wanted).map(entryOf) } }));
  await write(records);
  if (away) await rename(path, aside);
  return {
    registry: await openRegistry('files', { type: 'file', path }, { clock }),
    query: { service: 'book', path: '/services/book/', format: 'auto' },
    write,
    away: () => rename(path, aside),
    back: () => rename(aside, path),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

/** A directory of its own, and a registry on a path in it; both gone after the test. */
async function inDirectory(
  t: ExecutionContext,
  files: Readonly<Record<string, string>>,
  path: string,
): Promise<{ directory: string; registry: Registry }> {
  const directory = await mkdtemp(join(tmpdir(), 'outrigger-file-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const registry = await openRegistry('files', { type: 'file', path: join(directory, path) });
  t.teardown(async () => {
    await registry.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { directory, registry };
}

function follow(registry: Registry, service: string) {
  const listener = recordingListener();
  registry.watch({ service, path: service, format: 'auto' }, listener);
  return listener;
}

test('a file may hold addresses, instances with everything, and records as etcd holds them', async (t) => {
  const text = `
services:
  book:
    - 127.0.0.1:1
    - { address: "127.0.0.1:2", version: 1.10, weight: 2, zone: a, id: two, metadata: { team: print, shift: 3 } }
    - {"Op":0,"Addr":"127.0.0.1:3","Metadata":"v3"}
    - address: no port
  user: []
`;
  const { registry, directory } = await inDirectory(t, { 'all.yaml': text }, 'all.yaml');
  const book = follow(registry, 'book');
  const user = follow(registry, 'user');
  const nobody = follow(registry, 'nobody');
  await eventually(() => book.last === 'set' && user.last === 'set' && nobody.last === 'set');
  t.deepEqual(book.answers[0]?.instances, [
    { id: '127.0.0.1:1', address: '127.0.0.1:1', version: null, weight: 1, zone: null, metadata: {} },
    {
      id: 'two',
      address: '127.0.0.1:2',
      version: '1.10',
      weight: 2,
      zone: 'a',
      metadata: { team: 'print', shift: '3' },
    },
    { id: 'all.yaml:6', address: '127.0.0.1:3', version: 'v3', weight: 1, zone: null, metadata: {} },
  ]);
  t.deepEqual(book.answers[0]?.bad, [
    {
      key: `${join(directory, 'all.yaml')}:7`,
      problem: 'has no usable address: expected host:port, found "no port"',
    },
  ]);
  t.deepEqual(user.addresses(), []);
  t.deepEqual(nobody.addresses(), []);
});

test('a check says whether the file can be read and parsed, and why not', async (t) => {
  const files = { 'good.yaml': 'services: { book: [] }', 'bad.yaml': 'services: { book: [{ addr' };
  const { registry } = await inDirectory(t, files, 'good.yaml');
  t.is(await registry.check('/services/'), null);
  t.is(registry.stats.updates, 0);
  const bad = await (await inDirectory(t, files, 'bad.yaml')).registry.check('/services/');
  t.regex(bad?.message ?? '', /bad\.yaml/);
  const all = await (await inDirectory(t, files, '.')).registry.check('/services/');
  t.is(all?.message.replace(/^.*bad/, ''), bad?.message.replace(/^.*bad/, ''), 'one file of a directory is enough');
  const missing = await (await inDirectory(t, {}, 'missing.yaml')).registry.check('/services/');
  t.is(missing?.code, 'file_missing');
  t.truthy(missing?.hint);
});

test('a directory holds one list per service, in files named after it', async (t) => {
  const { registry, directory } = await inDirectory(
    t,
    {
      'book.yaml': '- 127.0.0.1:1\n',
      'user.json': '[{"address":"127.0.0.1:2"}]',
      'notes.txt': 'not read',
      '.book.yaml.swp': '\0',
    },
    '.',
  );
  const book = follow(registry, 'book');
  const user = follow(registry, 'user');
  const late = follow(registry, 'late');
  await eventually(() => book.last === 'set' && user.last === 'set');
  t.deepEqual(book.addresses(), ['127.0.0.1:1']);
  t.deepEqual(user.addresses(), ['127.0.0.1:2']);
  await writeFile(join(directory, 'late.yml'), 'services: { late: [127.0.0.1:3], book: [127.0.0.1:4] }');
  await eventually(() => late.addresses()?.join() === '127.0.0.1:3');
  await eventually(() => book.addresses()?.join() === '127.0.0.1:1,127.0.0.1:4');
});

const INVALID: readonly [name: string, text: string, at: string, message: RegExp][] = [
  ['syntax', 'services:\n  book: [127.0.0.1:1\n', '3:1', /./],
  ['empty', '', '1:1', /empty/],
  ['no services', 'book: []\n', '1:1', /expected `services:`/],
  ['no list', 'services:\n  book: 127.0.0.1:1\n', '2:9', /service "book": expected a list/],
  ['list left out', 'services:\n  book:\n', '2:3', /service "book": expected a list/],
];

for (const [name, text, at, message] of INVALID) {
  test(`a file that cannot be read (${name}) is an error with file, line and column; the last set stays`, async (t) => {
    const { registry, directory } = await inDirectory(t, { 'i.yaml': 'services: { book: [127.0.0.1:1] }' }, 'i.yaml');
    const listener = follow(registry, 'book');
    await eventually(() => listener.last === 'set');
    await writeFile(join(directory, 'i.yaml'), text);
    await eventually(
      () => listener.last === 'error' && listener.errors.at(-1)?.message.includes(`i.yaml:${at}: `) === true,
    );
    const error = listener.errors.at(-1);
    t.is(error?.code, 'file_invalid');
    t.regex(error?.message ?? '', message);
    t.deepEqual(listener.addresses(), ['127.0.0.1:1']);
    await writeFile(join(directory, 'i.yaml'), 'services: { book: [127.0.0.1:2] }');
    await eventually(() => listener.last === 'set' && listener.addresses()?.join() === '127.0.0.1:2');
  });
}

test('one bad file of a directory costs no service of the others', async (t) => {
  const { registry, directory } = await inDirectory(t, { 'bad.yaml': '{', 'book.yaml': '[127.0.0.1:1]' }, '.');
  const book = follow(registry, 'book');
  const bad = follow(registry, 'bad');
  await eventually(() => book.last === 'error' && bad.last === 'error');
  t.deepEqual(book.addresses(), ['127.0.0.1:1']);
  t.is(bad.addresses(), null, 'what the bad file says is not known to be nothing');
  await writeFile(join(directory, 'book.yaml'), '[127.0.0.1:2]');
  await eventually(() => book.addresses()?.join() === '127.0.0.1:2');
});

test('a mounted ConfigMap that is swapped by its ..data link is read again', async (t) => {
  const { registry, directory } = await inDirectory(t, {}, 'instances.yaml');
  const generation = async (name: string, address: string): Promise<void> => {
    await mkdir(join(directory, name));
    await writeFile(join(directory, name, 'instances.yaml'), `services: { book: ["${address}"] }`);
    await symlink(name, join(directory, '..data_tmp'));
    await rename(join(directory, '..data_tmp'), join(directory, '..data'));
  };
  await generation('..1', '127.0.0.1:1');
  await symlink('..data/instances.yaml', join(directory, 'instances.yaml'));
  const listener = follow(registry, 'book');
  await eventually(() => listener.addresses()?.join() === '127.0.0.1:1');
  await generation('..2', '127.0.0.1:2');
  await eventually(() => listener.addresses()?.join() === '127.0.0.1:2');
  t.deepEqual(listener.errors, []);
});

test('a file that an editor replaces by renaming is read again', async (t) => {
  const { registry, directory } = await inDirectory(t, { 'i.yaml': 'services: { book: [127.0.0.1:1] }' }, 'i.yaml');
  const listener = follow(registry, 'book');
  await eventually(() => listener.last === 'set');
  for (const port of [2, 3]) {
    await writeFile(join(directory, 'new'), `services: { book: [127.0.0.1:${port}] }`);
    await rename(join(directory, 'new'), join(directory, 'i.yaml'));
    await eventually(() => listener.addresses()?.join() === `127.0.0.1:${port}`);
  }
  t.deepEqual(listener.errors, []);
});

test('an address that no socket can be opened to is a bad record: told of, and not among the instances', async (t) => {
  const entries = ['127.0.0.1:1', 'a\0b:80', { address: 'a\0b:80', version: 'v1' }, `unix:/${'x'.repeat(200)}`];
  const { registry } = await inDirectory(t, { 'a.yaml': JSON.stringify({ services: { book: entries } }) }, 'a.yaml');
  const book = follow(registry, 'book');
  await eventually(() => book.last === 'set');
  t.deepEqual(book.addresses(), ['127.0.0.1:1']);
  t.is(book.answers[0]?.bad.length, 3);
});
