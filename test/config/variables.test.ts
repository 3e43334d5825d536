// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the config's own syntax
import test from 'ava';
import { expandVariables } from '../../src/config/variables.ts';
import { configOf, loadText, problemsOf } from './load_text.ts';

const env = { HOST: 'h', PORT: '50051', EMPTY: '', NESTED: '${HOST}' };

for (const [text, expanded] of [
  ['plain', 'plain'],
  ['${HOST}:${PORT}', 'h:50051'],
  ['${MISSING:-d}', 'd'],
  ['${MISSING:-}', ''],
  ['${EMPTY:-d}', 'd'],
  ['${EMPTY}', ''],
  ['${HOST:-d}', 'h'],
  ['${MISSING:-a:-b}', 'a:-b'],
  ['${NESTED}', '${HOST}'],
  ['$${HOST}', '${HOST}'],
  ['$HOST $ {HOST} $$', '$HOST $ {HOST} $$'],
  ['$${A}${HOST}$${B', '${A}h${B'],
] as const) {
  test(`${text} expands to "${expanded}"`, (t) => {
    t.deepEqual(expandVariables(text, env), { ok: true, text: expanded });
  });
}

for (const [text, message] of [
  ['${MISSING}', 'the environment variable MISSING is not set'],
  ['a ${HOST', 'has "${" without "}"'],
  ['${}', 'expected ${NAME} or ${NAME:-default}, found "${}"'],
  ['${1A}', 'expected ${NAME} or ${NAME:-default}, found "${1A}"'],
  ['${A:-${B}}', 'expected ${NAME} or ${NAME:-default}, found "${A:-${B}"'],
  ['${HOST:+x}', 'expected ${NAME} or ${NAME:-default}, found "${HOST:+x}"'],
] as const) {
  test(`${text} does not expand`, (t) => {
    t.like(expandVariables(text, env), { ok: false, message });
  });
}

const services = (lines: string) => `registries: { f: { type: file, path: x } }\ndiscover: {}\n${lines}\n`;

test('a variable is typed as if its value stood in the file', (t) => {
  t.is(configOf(loadText(services('workers: ${N}'), { env: { N: '3' } })).workers, 3);
  t.is(configOf(loadText(services('default_service: ${S:-null}'))).routing.defaultService, null);
});

test('a variable in quotes stays a text', (t) => {
  t.deepEqual(problemsOf(loadText(services('workers: "${N}"'), { env: { N: '3' } })), [
    'c.yaml:3:10: workers: expected a whole number from 1 to 256, found "3"',
  ]);
});

test('a variable is taken as text where text is wanted, quotes or not', (t) => {
  const text =
    'registries:\n  e:\n    type: etcd\n    endpoints: ["http://h:1"]\n    username: ${U}\n    password: ${P}\ndiscover: {}\n';
  const config = configOf(loadText(text, { env: { U: 'true', P: '007' } }));
  t.like(config.registries.get('e'), { username: 'true', password: '007' });
  const versions = services('services: { a: { version: { default: "${V}", fallback: ["${V}", v1] } } }');
  t.like(configOf(loadText(versions, { env: { V: '1.10' } })).services.get('a')?.settings.version, {
    default: '1.10',
    fallback: ['1.10', 'v1'],
  });
  t.is(configOf(loadText(services('default_service: ${S}'), { env: { S: '12' } })).routing.defaultService, '12');
});

test('a variable adds no structure', (t) => {
  const inject = { A: '[127.0.0.1:1, 127.0.0.1:2]', B: '1 # two' };
  t.deepEqual(problemsOf(loadText(services('listen: ${A}\nworkers: ${B}'), { env: inject })), [
    'c.yaml:3:9: listen: expected host:port, [v6]:port or unix:/path, found "[127.0.0.1:1, 127.0.0.1:2]"',
    'c.yaml:4:10: workers: expected a whole number from 1 to 256, found "1 # two"',
  ]);
});

test('all variables that are not set are told at once, each beside the other problems', (t) => {
  t.deepEqual(
    problemsOf(loadText(services('listen: ${A}\nworkers: x\nadmin: ${B}'))).map((line) => line.split(' -> ')[0]),
    [
      'c.yaml:3:9: listen: the environment variable A is not set',
      'c.yaml:4:10: workers: expected a whole number from 1 to 256, found "x"',
      'c.yaml:5:8: admin: the environment variable B is not set',
    ],
  );
});
