import test from 'ava';
import { parseCommandLine } from '../../src/cli/args.ts';
import { COMMANDS, FLAGS } from '../../src/cli/flags.ts';

const env = { HOME: '/home/me' };
const parse = (...argv: string[]) => parseCommandLine(argv, env, '/cwd');
const belongs = (name: string) => FLAGS.find((flag) => flag.name === name)?.commands.join(', ');
const config = (file: string | null, flags: object = {}) => ({ file, flags, env, cwd: '/cwd' });

test('run is what happens without a command', (t) => {
  t.deepEqual(parse(), { kind: 'run', config: config(null), command: null });
  t.deepEqual(parse('run'), parse());
  t.deepEqual(parse('--config', 'a.yaml'), { kind: 'run', config: config('a.yaml'), command: null });
});

test('flags may stand before and after the command, with "=" or without', (t) => {
  const expected = { kind: 'check', config: config('a.yaml', { workers: '2' }), dial: false, json: false };
  t.deepEqual<unknown, unknown>(parse('check', '--config', 'a.yaml', '--workers=2'), expected);
  t.deepEqual<unknown, unknown>(parse('--config=a.yaml', 'check', '--workers', '2'), expected);
  t.like(parse('check', '--dial'), { kind: 'check', dial: true });
});

test('every flag of the config arrives', (t) => {
  const argv = [
    ...['--etcd', 'http://a:1', '--etcd=http://b:1', '--file', 'f', '--path', '/{service}/', '--format', 'plain'],
    ...['--static', 'a=h:1', '--static', 'b=h:2', '--listen', 'h:3', '--listen', 'h:4', '--admin', 'h:5'],
    ...['--telemetry', 'h:6', '--workers', '7', '--log-level', 'debug'],
  ];
  const flags = {
    etcd: ['http://a:1', 'http://b:1'],
    file: 'f',
    path: '/{service}/',
    format: 'plain',
    static: ['a=h:1', 'b=h:2'],
    listen: ['h:3', 'h:4'],
    admin: 'h:5',
    telemetry: 'h:6',
    workers: '7',
    logLevel: 'debug',
  };
  t.deepEqual(parse(...argv), { kind: 'run', config: config(null, flags), command: null });
});

test('what follows "--" is the app, with all its own flags', (t) => {
  t.like(parse('run', '--static', 'a=h:1', '--', 'node', 'app.js', '--help', '--', '-x'), {
    kind: 'run',
    command: ['node', 'app.js', '--help', '--', '-x'],
  });
});

test('the other commands', (t) => {
  t.deepEqual(parse('demo'), { kind: 'demo', args: [] });
  t.deepEqual(parse('demo', '--keep'), { kind: 'demo', args: ['--keep'] });
  t.deepEqual(parse('schema'), { kind: 'schema' });
  t.deepEqual(parse('--version'), { kind: 'version' });
});

for (const [argv, message, hint] of [
  [['rnu'], 'unknown command "rnu"', 'did you mean "run"?'],
  [['frobnicate'], 'unknown command "frobnicate"', `there are: ${COMMANDS.join(', ')}`],
  [['a.yaml'], 'unknown command "a.yaml"', 'for a config file: --config a.yaml'],
  [['--confg', 'x'], 'unknown flag --confg', 'did you mean "--config"?'],
  [['check', '-x'], 'unknown flag -x', '"outrigger check --help" lists the flags'],
  [['--__proto__', 'x'], 'unknown flag --__proto__', '"outrigger run --help" lists the flags'],
  [['--config'], '--config needs a value', '--config FILE'],
  [['--config', '--workers', '2'], '--config needs a value', '--config FILE'],
  [['--admin', 'a:1', '--admin', 'a:2'], '--admin is given twice', 'give it once'],
  [['demo', '--keep=yes'], '--keep takes no value', 'write --keep alone'],
  [['check', '--keep'], 'check has no flag --keep', 'it belongs to: demo'],
  [['demo', '--etcd', 'http://h:1'], 'demo has no flag --etcd', `it belongs to: ${belongs('etcd')}`],
  [['check', 'a.yaml'], 'check takes no "a.yaml"', 'for a config file: --config a.yaml'],
  [['run', 'node'], 'run takes no "node"', 'to start an app: outrigger run -- node; for a config file: --config node'],
  [['schema', 'x'], 'schema takes no "x"', 'leave it out'],
  [['check', '--', 'node'], 'check starts no app', 'leave out "--" and what follows'],
  [['run', '--'], 'there is no command after "--"', 'for example: outrigger run -- node app.js'],
] as const) {
  test(`wrong usage says what is wrong and what to do: ${argv.join(' ')}`, (t) => {
    t.deepEqual(parse(...argv), { kind: 'usage', message, hint });
  });
}

test('a single "-" is a value, standard input, and no flag whose value was forgotten', (t) => {
  t.is(parseCommandLine(['inject', '-f', '-'], {}, '/').kind, 'inject');
  t.is(parseCommandLine(['inject', '-f', '--image'], {}, '/').kind, 'usage');
});
