import { readFileSync } from 'node:fs';
import test from 'ava';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { planReload } from '../../src/config/reload.ts';
import { Reloader, type Reread } from '../../src/control/reloader.ts';
import { manualClock } from '../support/manual_clock.ts';
import { recordingLog } from '../support/recording_log.ts';

function configOf(text: string): Config {
  const loaded = loadConfig({ file: { name: 'c.yaml', text, directory: '/' }, flags: {}, env: {}, cwd: '/' });
  if (loaded.kind !== 'config') throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

const BASE = 'registries: { f: { type: file, path: x } }\nservices: { book: {} }\n';

test('what can change while running is taken over, what cannot is named and stays', (t) => {
  const before = configOf(`${BASE}workers: 1\n`);
  const next = configOf(`${BASE.replace('book: {}', 'book: { timeout: 3s }')}workers: 2\ndrain_grace: 5s\n`);
  const { config, changed, restart } = planReload(before, next);
  t.deepEqual(changed, ['drain_grace', 'services']);
  t.deepEqual(restart, ['workers']);
  t.is(config.workers, 1);
  t.is(config.drainGraceMs, 5_000);
  t.is(config.services.get('book')?.settings.timeout, 3_000);
});

test('the same config is no change, and the one in force stays the very object', (t) => {
  const before = configOf(BASE);
  const { config, changed, restart } = planReload(before, configOf(BASE));
  t.is(config, before);
  t.deepEqual([changed, restart], [[], []]);
});

test('every key of a config either changes live or is named as one that needs a restart', (t) => {
  const before = configOf(BASE);
  for (const key of Object.keys(before)) {
    // The files of a `tls` belong to the key that it stands under, as the next test says.
    if (key === 'file' || key === 'certificates') continue;
    const next = { ...before, [key]: 'something else' } as unknown as Config;
    const { changed, restart } = planReload(before, next);
    t.is(changed.length + restart.length, 1, key);
  }
});

test('both READMEs name every key that needs a restart', (t) => {
  const before = configOf(BASE);
  const keys = Object.keys(before).filter((key) => key !== 'file' && key !== 'certificates');
  const all = { ...before, ...Object.fromEntries(keys.map((key) => [key, 'something else'])) } as unknown as Config;
  const { restart } = planReload(before, all);
  const listed = (between: string): string => restart.map((key) => `\`${key}\``).join(between);
  const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  t.true(
    read('README.md')
      .replaceAll(/\s+/g, ' ')
      .includes(`needs a restart is named: ${listed(', ')}.`),
  );
  t.true(read('README.zh-CN.md').includes(`需要重启的会明确指出：${listed('、')}。`));
});

test('files of certificates change live for services and discover; those of listeners stay, and need a restart', (t) => {
  const withFiles = (file: string): Config =>
    configOf(`
listen: [{ address: 127.0.0.1:1, tls: { cert: /${file}.pem, key: /${file}.key } }]
inbound: { listen: 127.0.0.1:2, tls: { cert: /${file}.pem, key: /${file}.key }, forward: 127.0.0.1:3 }
registries: { f: { type: file, path: x } }
services: { book: { tls: { ca: /${file}.pem } } }
discover: { registry: f, tls: { ca: /${file}.pem } }
`);
  const { config, changed, restart } = planReload(withFiles('old'), withFiles('new'));
  t.deepEqual(changed, ['services', 'discover']);
  t.deepEqual(restart, ['listen', 'inbound']);
  const files = new Map(config.certificates.map(({ id, ca, cert }) => [id, ca ?? cert]));
  t.deepEqual(
    files,
    new Map([
      ['listen[0].tls', '/old.pem'],
      ['inbound.tls', '/old.pem'],
      ['services.book.tls', '/new.pem'],
      ['discover.tls', '/new.pem'],
    ]),
  );
});

test('services in another order are no change, their certificates included', (t) => {
  const inOrder = (...names: string[]): Config =>
    configOf(`
registries: { f: { type: file, path: x } }
services: { ${names.map((name) => `${name}: { tls: { ca: /${name}.pem } }`).join(', ')} }
`);
  t.deepEqual(planReload(inOrder('a', 'b'), inOrder('b', 'a')).changed, []);
});

function reloader(read: () => Promise<Reread>) {
  const log = recordingLog();
  let inForce = configOf(BASE);
  const made = new Reloader(null, {
    clock: manualClock(),
    log,
    read,
    apply: async (next) => {
      const outcome = planReload(inForce, next);
      inForce = outcome.config;
      return outcome;
    },
  });
  return { made, log, inForce: () => inForce };
}

test('a config with problems is told with all of them, counted, and changes nothing', async (t) => {
  const problem = { at: { kind: 'none' }, key: 'services', message: 'is wrong', hint: null } as const;
  const { made, log, inForce } = reloader(async () => ({ kind: 'problems', problems: [problem] }));
  const before = inForce();
  const report = await made.reload('SIGHUP');
  t.deepEqual([report.result, report.problems], ['rejected', ['services: is wrong']]);
  t.is(inForce(), before);
  t.deepEqual(made.counts, { applied: 0, unchanged: 0, rejected: 1 });
  t.is(log.messages('error').length, 1);
});

test('a file that cannot be read is a rejected reload, not an end', async (t) => {
  const { made } = reloader(() => Promise.reject(new Error('EACCES: permission denied')));
  t.deepEqual((await made.reload('SIGHUP')).problems, ['EACCES: permission denied']);
});

test('each of several things that cannot be used is told', async (t) => {
  const made = new Reloader(null, {
    clock: manualClock(),
    log: recordingLog(),
    read: async () => ({ kind: 'config', config: configOf(BASE) }),
    apply: () => Promise.reject(new AggregateError([new Error('a.pem is bad'), new Error('b.pem is bad')])),
  });
  const { result, problems } = await made.reload('SIGHUP');
  t.deepEqual([result, problems], ['rejected', ['a.pem is bad', 'b.pem is bad']]);
  t.is(made.counts.rejected, 1);
});

test('the watch that finds the same problem again says nothing; whoever asks is always told', async (t) => {
  const { made, log } = reloader(() => Promise.reject(new Error('broken')));
  await made.reload('file');
  await made.reload('file');
  t.is(log.messages('error').length, 1);
  t.is((await made.reload('POST /reload')).result, 'rejected');
  t.is(log.messages('error').length, 2);
});

test('reloads happen one at a time, in order', async (t) => {
  let running = 0;
  const { made } = reloader(async () => {
    t.is(++running, 1);
    await Promise.resolve();
    running--;
    return { kind: 'config', config: configOf(BASE) };
  });
  const reports = await Promise.all([made.reload('a'), made.reload('b'), made.reload('c')]);
  t.true(reports.every(({ result }) => result === 'unchanged'));
});
