import test from 'ava';
import type { ConfigFlags } from '../../src/config/overrides.ts';
import { redact } from '../../src/config/redact.ts';
import { configOf, loadText, problemsOf } from './load_text.ts';

const flagsOnly = (flags: ConfigFlags) => loadText('', { file: null, flags });
const consul = (keys: string, rest = 'discover: {}') =>
  loadText(`registries: { agent: { type: consul${keys === '' ? '' : `, ${keys}`} } }\n${rest}`);
const problems = (keys: string, rest?: string) =>
  problemsOf(consul(keys, rest)).map((text) => text.replace(/^[^ ]* /, ''));

test('an agent on this machine needs no keys, and services are looked up by their names', (t) => {
  const config = configOf(consul('', 'services: { book: {} }\ndiscover: {}'));
  t.like(config.registries.get('agent'), {
    type: 'consul',
    address: 'http://127.0.0.1:8500',
    health: 'passing',
    consistency: 'default',
    wait: 300_000,
    token: undefined,
  });
  t.is(config.services.get('book')?.settings.path, 'book');
  t.is(config.discover?.settings.path, '{service}');
});

test('all keys arrive; files are looked up beside the config', (t) => {
  const keys =
    'address: "https://consul.local:8501/", token_file: t, datacenter: dc2, namespace: n, partition: p, health: warning, ' +
    'consistency: stale, wait: 30s, tls: { ca: ca.pem, server_name: server.dc1.consul }, empty_protection: 5s';
  t.deepEqual<unknown, unknown>(configOf(consul(keys)).registries.get('agent'), {
    type: 'consul',
    address: 'https://consul.local:8501',
    token: undefined,
    tokenFile: '/etc/outrigger/t',
    datacenter: 'dc2',
    namespace: 'n',
    partition: 'p',
    health: 'warning',
    consistency: 'stale',
    wait: 30_000,
    tls: { ca: '/etc/outrigger/ca.pem', cert: undefined, key: undefined, serverName: 'server.dc1.consul' },
    emptyProtection: 5_000,
  });
});

test('--consul needs no file, and says where; other flags go with it as with --etcd', (t) => {
  const config = configOf(flagsOnly({ consul: 'http://h:8500' }));
  t.like(config.registries.get('consul'), { type: 'consul', address: 'http://h:8500' });
  t.is(config.discover?.settings.path, '{service}');
  const path = '{service}?tag=v2';
  t.is(configOf(flagsOnly({ consul: 'http://h:8500', path })).discover?.settings.path, path);
  t.deepEqual(problemsOf(flagsOnly({ consul: 'h:8500' })), [
    '--consul: registries.consul.address: expected a URL such as http://127.0.0.1:8500, found "h:8500" -> say the scheme, too: http://h:8500',
  ]);
  t.deepEqual(problemsOf(flagsOnly({ consul: 'http://h:8500', etcd: ['http://h:1'] })), [
    '--consul: cannot be combined with --etcd -> use a config file to follow several registries',
  ]);
});

test('a token is never shown, a token of no text is none', (t) => {
  const shown = redact(configOf(consul('token: hunter2')));
  t.notRegex(JSON.stringify(shown), /hunter2/);
  t.regex(JSON.stringify(shown), /"token":"\*\*\*"/);
  t.notRegex(JSON.stringify(redact(configOf(consul('token: ""')))), /"token"/);
});

for (const [keys, rest, expected] of [
  ['address: "ftp://h"', undefined, /address: expected a URL such as http:\/\/127\.0\.0\.1:8500, found "ftp:\/\/h"/],
  [
    'address: "http://me:pw@h:8500"',
    undefined,
    /address: expected .* without a user.* -> Consul knows tokens, not users/,
  ],
  ['address: "http://h:8500/v1"', undefined, /address: expected .* without a path/],
  ['token: a, token_file: b', undefined, /token_file: does not go with "token" -> give one of the two/],
  ['wait: 11m', undefined, /wait: expected at most 10m/],
  ['health: fine', undefined, /health: expected one of passing, warning, any/],
  ['tls: { ca: x }', undefined, /tls: does not go with http address -> write https:\/\/ in "address"/],
  ['address: "https://h", tls: { cert: x }', undefined, /tls\.key: is missing; cert needs it/],
  ['', 'discover: { path: "/services/{service}/" }', /discover\.path: names no service -> write the name/],
  ['', 'services: { b: { path: "b?tga=x" } }', /path: has the unknown parameter tga -> there are: tag, dc/],
  ['', 'services: { b: { path: "b?token=hunter2" } }', /path: has the parameter token -> a path is shown everywhere/],
  ['', 'services: { b: { format: plain } }', /format: does not go with a Consul registry/],
] as const) {
  test(`a wrong value says what is wrong and what to do: ${keys || rest}`, (t) => {
    const found = problems(keys, rest);
    t.is(found.length, 1, found.join('\n'));
    t.regex(found[0] ?? '', expected);
  });
}
