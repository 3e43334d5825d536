import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readConfig } from '../../src/config/read.ts';
import { configOf, problemsOf } from './load_text.ts';

const directory = mkdtempSync(join(tmpdir(), 'outrigger-read-'));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

const config = (workers: number) => `workers: ${workers}\nregistries: { f: { type: file, path: x } }\ndiscover: {}\n`;
const empty = join(directory, 'empty');
const full = join(directory, 'full');
const system = join(directory, 'system.yaml');
mkdirSync(empty);
mkdirSync(full);
writeFileSync(join(full, 'outrigger.yaml'), config(2));
writeFileSync(join(full, 'other.yaml'), config(3));
writeFileSync(system, config(4));

const request = { file: null, flags: {}, env: {}, cwd: full };

test('the config is the file that is named, else the one in the working directory, else the system one', async (t) => {
  t.is(configOf(await readConfig({ ...request, file: 'other.yaml' }, system)).workers, 3);
  t.is(configOf(await readConfig(request, system)).workers, 2);
  t.is(configOf(await readConfig({ ...request, cwd: empty }, system)).workers, 4);
});

test('paths in a file are relative to the file, not to the working directory', async (t) => {
  const { registries } = configOf(await readConfig({ ...request, cwd: empty, file: '../full/other.yaml' }, system));
  t.like(registries.get('f'), { path: join(full, 'x') });
});

test('registry flags are a config of their own: no file is looked for', async (t) => {
  const flags = { static: ['book=h:1'], workers: '5' };
  const result = configOf(await readConfig({ ...request, flags }, system));
  t.is(result.file, null);
  t.is(result.workers, 5);
});

test('other flags go on top of the file that is found', async (t) => {
  t.is(configOf(await readConfig({ ...request, flags: { workers: '6' } }, system)).workers, 6);
});

test('without any config the problem says where it was looked for and what to do', async (t) => {
  const missing = join(directory, 'none.yaml');
  t.deepEqual(problemsOf(await readConfig({ ...request, cwd: empty }, missing)), [
    `no config: there is neither ./outrigger.yaml nor ${missing} -> give a file with --config, or a registry: --etcd http://127.0.0.1:2379, or --static book=127.0.0.1:50051`,
  ]);
});

test('a named file must be there: the usual places are no replacement', async (t) => {
  t.deepEqual(problemsOf(await readConfig({ ...request, file: 'nope.yaml' }, system)), [
    `nope.yaml: there is no such file -> looked at ${join(full, 'nope.yaml')}`,
  ]);
});

test('what cannot be read says why', async (t) => {
  t.deepEqual(problemsOf(await readConfig({ ...request, file: '.' }, system)), [
    '.: cannot be read (EISDIR) -> it is a directory: name the file in it',
  ]);
  writeFileSync(join(full, 'latin.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
  t.deepEqual(problemsOf(await readConfig({ ...request, file: 'latin.yaml' }, system)), [
    'latin.yaml: is not UTF-8 text -> save it as UTF-8',
  ]);
  t.deepEqual(problemsOf(await readConfig({ ...request, file: '/dev/zero' }, system)), [
    '/dev/zero: is larger than 4 MiB',
  ]);
});

test('a byte order mark is no part of the config', async (t) => {
  writeFileSync(join(full, 'bom.yaml'), `\ufeff${config(7)}`);
  t.is(configOf(await readConfig({ ...request, file: 'bom.yaml' }, system)).workers, 7);
});
