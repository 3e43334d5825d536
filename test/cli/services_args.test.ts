import test from 'ava';
import { parseCommandLine } from '../../src/cli/args.ts';

const env = {};
const parse = (...argv: string[]) => parseCommandLine(['services', ...argv], env, '/cwd');
const config = (file: string | null, flags: object = {}) => ({ file, flags, env, cwd: '/cwd' });

test('without --registry the running sidecar is asked, for all services or for one', (t) => {
  const all = { kind: 'services', config: config(null), from: { kind: 'sidecar', service: null, admin: null } };
  t.deepEqual<unknown, unknown>(parse(), { ...all, json: false });
  t.deepEqual<unknown, unknown>(parse('book', '--admin', 'h:1', '--json', '--config', 'a.yaml'), {
    kind: 'services',
    config: config('a.yaml'),
    from: { kind: 'sidecar', service: 'book', admin: 'h:1' },
    json: true,
  });
});

for (const argv of [
  ['--registry', 'main'],
  ['--registry=main'],
  ['main', '--registry'],
  ['--registry', '--json', 'main'],
]) {
  test(`a registry is named by: services ${argv.join(' ')}`, (t) => {
    t.deepEqual<unknown, unknown>(parse(...argv), {
      kind: 'services',
      config: config(null),
      from: { kind: 'registry', name: 'main', path: null, format: 'auto' },
      json: argv.includes('--json'),
    });
  });
}

test('--path and --format say what to look up in the registry, and are no part of the config', (t) => {
  t.deepEqual<unknown, unknown>(parse('--registry', '--etcd', 'http://h:1', '--path', '/a/', '--format', 'kratos'), {
    kind: 'services',
    config: config(null, { etcd: ['http://h:1'] }),
    from: { kind: 'registry', name: null, path: '/a/', format: 'kratos' },
    json: false,
  });
});

for (const [argv, message] of [
  [['--path', '/a/'], 'services takes --path only with --registry'],
  [['--etcd', 'http://h:1'], 'services takes --etcd only with --registry'],
  [['--registry', '--admin', 'h:1'], 'services takes either --registry or --admin'],
  [['--registry=main', 'other'], 'services takes no "other"'],
  [['--registry=a', '--registry=b'], '--registry is given twice'],
  [['book', 'user'], 'services takes no "user"'],
  [['--json=yes'], '--json takes no value'],
  [['--', 'node'], 'services starts no app'],
] as const) {
  test(`wrong usage says what is wrong: services ${argv.join(' ')}`, (t) => {
    const parsed = parse(...argv);
    t.is(parsed.kind, 'usage');
    t.is((parsed as { message: string }).message, message);
    t.not((parsed as { hint: string }).hint, '');
  });
}
