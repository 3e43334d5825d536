import test from 'ava';
import type { ConfigFlags } from '../../src/config/overrides.ts';
import { FORMATS } from '../../src/config/schema_services.ts';
import { configOf, loadText, problemsOf } from './load_text.ts';

const FILE =
  'registries: { f: { type: file, path: x } }\ndiscover: {}\nworkers: 2\nadmin: 127.0.0.1:9\nlog: { format: json }\n';
const flagsOnly = (flags: ConfigFlags, env = {}) => loadText('', { file: null, flags, env });

test('the environment wins over the file, and flags win over the environment', (t) => {
  const env = { OUTRIGGER_WORKERS: '3', OUTRIGGER_ADMIN: '127.0.0.1:8', OUTRIGGER_LOG_LEVEL: 'debug' };
  const config = configOf(loadText(FILE, { env, flags: { workers: '4' } }));
  t.is(config.workers, 4);
  t.is(config.admin, '127.0.0.1:8');
  t.deepEqual(config.log, { level: 'debug', format: 'json' });
});

test('every override has a variable and a flag', (t) => {
  const expected = {
    listen: ['h:1', 'h:2'],
    admin: 'h:3',
    telemetry: 'h:4',
    workers: 5,
    log: { level: 'warn', format: 'json' },
  };
  const env = {
    OUTRIGGER_LISTEN: 'h:1, h:2',
    OUTRIGGER_ADMIN: 'h:3',
    OUTRIGGER_TELEMETRY: 'h:4',
    OUTRIGGER_WORKERS: '5',
    OUTRIGGER_LOG_LEVEL: 'warn',
  };
  t.like(configOf(loadText(FILE, { env })), expected);
  const flags = { listen: ['h:1', 'h:2'], admin: 'h:3', telemetry: 'h:4', workers: '5', logLevel: 'warn' };
  t.like(configOf(loadText(FILE, { flags })), expected);
});

test('a variable that is set but empty overrides nothing', (t) => {
  t.is(configOf(loadText(FILE, { env: { OUTRIGGER_WORKERS: '', OUTRIGGER_LISTEN: ' ' } })).workers, 2);
});

test('a problem with an override names the variable or the flag', (t) => {
  const env = { OUTRIGGER_WORKERS: 'many', OUTRIGGER_LISTEN: 'h:1,15001' };
  t.deepEqual(problemsOf(loadText(FILE, { env, flags: { logLevel: 'loud', admin: '[::1]' } })), [
    'OUTRIGGER_LISTEN: listen[1]: expected host:port, [v6]:port or unix:/path, or "{ address, tls }", found the number 15001 -> say the host, too: 127.0.0.1:15001',
    'OUTRIGGER_WORKERS: workers: expected a whole number from 1 to 256, found "many"',
    '--admin: admin: expected host:port, [v6]:port or unix:/path, found "[::1]"',
    '--log-level: log.level: expected one of debug, info, warn, error, found "loud"',
  ]);
});

test('an override does not hide that the file is wrong', (t) => {
  t.deepEqual(problemsOf(loadText(`${FILE}log: 5\n`, { flags: { logLevel: 'info' } })).length, 1);
});

test('--etcd alone looks every name up', (t) => {
  const config = configOf(flagsOnly({ etcd: ['http://a:1,http://b:1', 'http://c:1'] }));
  t.like(config.registries.get('etcd'), { type: 'etcd', endpoints: ['http://a:1', 'http://b:1', 'http://c:1'] });
  t.like(config.discover, { registry: 'etcd', path: '/services/{service}/', format: 'auto' });
  t.is(config.file, null);
  t.true(config.routing.discover);
});

test('--path and --format say how', (t) => {
  const config = configOf(flagsOnly({ file: 'records.yaml', path: '/x/{service}/', format: 'plain' }));
  t.like(config.registries.get('file'), { type: 'file', path: '/home/me/records.yaml' });
  t.like(config.discover, { registry: 'file', path: '/x/{service}/', format: 'plain' });
});

test('--static lists services with their instances and versions', (t) => {
  const flags = { static: ['book=127.0.0.1:1@v1,[::1]:2', 'user=unix:/run/u@v2', 'book=h:3'] };
  const { services } = configOf(flagsOnly(flags));
  t.deepEqual(
    [...services].map(([name, { instances }]) => [name, instances.map(({ address, version }) => [address, version])]),
    [
      [
        'book',
        [
          ['127.0.0.1:1', 'v1'],
          ['[::1]:2', null],
          ['h:3', null],
        ],
      ],
      ['user', [['unix:/run/u', 'v2']]],
    ],
  );
});

test('--static goes with --etcd', (t) => {
  const config = configOf(flagsOnly({ etcd: ['http://a:1'], static: ['book=h:1'] }));
  t.deepEqual([...config.registries.keys()], ['etcd', 'static']);
  t.is(config.services.get('book')?.registry, 'static');
  t.is(config.discover?.registry, 'etcd');
});

test('a problem with a flag names the flag', (t) => {
  t.deepEqual(problemsOf(flagsOnly({ etcd: ['h:2379'], path: '/x/', format: 'json' })), [
    '--etcd: registries.etcd.endpoints[0]: expected a URL such as http://127.0.0.1:2379, found "h:2379" -> say the scheme, too: http://h:2379',
    '--path: discover.path: expected a path with {service}, found "/x/" -> for example /services/{service}/',
    `--format: discover.format: expected one of ${FORMATS.join(', ')}, found "json"`,
  ]);
  const hint = 'for example --static book=127.0.0.1:50051@v1,127.0.0.1:50052@v2';
  t.deepEqual(problemsOf(flagsOnly({ static: ['book', '=h:1', 'book=h:1,h', 'a b=h:1', 'c=h:1@'] })), [
    `--static: expected name=address,..., found "book" -> ${hint}`,
    `--static: expected name=address,..., found "=h:1" -> ${hint}`,
    '--static: services.book.instances[1].address: expected host:port, [v6]:port or unix:/path, found "h" -> the port is missing',
    '--static: services.a b: expected a name of letters, digits, ".", "_" and "-" that starts with a letter or digit, found "a b"',
    '--static: services.c.instances[0].version: expected a version, or null, found ""',
  ]);
});

test('flags that cannot have an effect are problems', (t) => {
  const hint =
    'it says how names are looked up: give --etcd, --consul or --file with it, or write it into the config file';
  t.deepEqual(problemsOf(flagsOnly({ static: ['a=h:1'], path: '/{service}/' })), [
    `--path: needs --etcd, --consul or --file -> ${hint}`,
  ]);
  t.deepEqual(problemsOf(loadText(FILE, { flags: { format: 'plain' } })), [
    `--format: needs --etcd, --consul or --file -> ${hint}`,
  ]);
  t.deepEqual(problemsOf(flagsOnly({ etcd: ['http://h:1'], file: 'x' })), [
    '--file: cannot be combined with --etcd -> use a config file to follow several registries',
  ]);
  t.deepEqual(problemsOf(loadText(FILE, { flags: { static: ['a=h:1'] } })), [
    '--static: cannot be combined with the config file c.yaml -> write the registry into the file, or leave --config out',
  ]);
});
