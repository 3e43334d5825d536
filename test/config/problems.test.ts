import test from 'ava';
import { configSchema } from '../../src/config/schema.ts';
import { serviceSchema } from '../../src/config/schema_services.ts';
import { BALANCE_POLICIES } from '../../src/model/balancing.ts';
import { loadText, problemsOf } from './load_text.ts';

/** What makes a config right, in one line, so that the lines under test start at 2. */
const RIGHT = 'discover: { registry: e }';
const ETCD = 'registries: { e: { type: etcd, endpoints: ["http://h:2379"] } }';
/** Lists that grow with the program; what the messages make of them is what is tested. */
const KNOWN = `known keys: ${Object.keys(configSchema.shape).join(', ')}`;
const SERVICE_KEYS = `known keys: ${Object.keys(serviceSchema.shape).join(', ')}`;
const LIMITS = `known keys: ${Object.keys(serviceSchema.shape.limits.unwrap().shape).join(', ')}`;
const TYPES = 'etcd, consul, file, static, dns, kubernetes, zookeeper, eureka';

interface Case {
  readonly about: string;
  readonly text: string;
  readonly problems: readonly string[];
}

const top = (about: string, lines: string, ...problems: string[]): Case => ({
  about,
  text: `${RIGHT}\n${lines}\n${ETCD}\n`,
  problems,
});

const service = (about: string, body: string, ...problems: string[]): Case => ({
  about,
  text: `${ETCD}\nservices:\n  book:\n    ${body}\n`,
  problems,
});

const fixed = (about: string, body: string, ...problems: string[]): Case => ({
  about,
  text: `registries: { s: { type: static } }\nservices:\n  book:\n    ${body}\n`,
  problems,
});

const registry = (about: string, body: string, ...problems: string[]): Case => ({
  about,
  text: `${RIGHT}\nregistries:\n  e: ${body}\n`,
  problems,
});

const CASES: readonly Case[] = [
  top('an unknown key', 'lissten: 1', 'c.yaml:2:1: lissten: unknown key -> did you mean "listen"?'),
  top('a key that is like no other', 'plugins: []', `c.yaml:2:1: plugins: unknown key -> ${KNOWN}`),
  top(
    'a bare port',
    'listen: 15001',
    'c.yaml:2:9: listen: expected host:port, [v6]:port or unix:/path, or a list, found the number 15001 -> say the host, too: 127.0.0.1:15001',
  ),
  top(
    'an address in a list',
    'listen: [127.0.0.1:1, "/run/x.sock"]',
    'c.yaml:2:23: listen[1]: expected host:port, [v6]:port or unix:/path, found "/run/x.sock" -> did you mean "unix:/run/x.sock"?',
  ),
  top(
    'a list of nothing',
    'listen: []',
    'c.yaml:2:9: listen: expected a list with at least one entry, found an empty list',
  ),
  top(
    'a relative socket',
    'admin: unix:run/x',
    'c.yaml:2:8: admin: expected host:port, [v6]:port or unix:/path, found "unix:run/x" -> the path of a socket starts with "/"',
  ),
  top(
    'a socket path that the system cannot take',
    `admin: unix:/${'x'.repeat(107)}`,
    `c.yaml:2:8: admin: expected host:port, [v6]:port or unix:/path, found "unix:/${'x'.repeat(54)}..." -> the path has 108 bytes, and a socket's path at most 107`,
  ),
  top(
    'two listeners on one address',
    'listen: localhost:15000',
    'c.yaml:2:9: listen: takes the same address as admin (by default) -> give each listener a port of its own',
  ),
  top(
    'a listener inside a wildcard',
    'telemetry: "[::]:15001"',
    'c.yaml:2:12: telemetry: takes the same address as listen (by default) -> give each listener a port of its own',
  ),
  top(
    'the same address twice in a list',
    'listen: [h:1, h:1]',
    'c.yaml:2:15: listen[1]: takes the same address as listen[0] -> give each listener a port of its own',
  ),
  top('no worker', 'workers: 0', 'c.yaml:2:10: workers: expected a whole number from 1 to 256, found the number 0'),
  top(
    'half a worker',
    'workers: 1.5',
    'c.yaml:2:10: workers: expected a whole number from 1 to 256, found the number 1.5',
  ),
  top('workers in words', 'workers: many', 'c.yaml:2:10: workers: expected a whole number from 1 to 256, found "many"'),
  top(
    'a log level',
    'log:\n  level: wran',
    'c.yaml:3:10: log.level: expected one of debug, info, warn, error, found "wran" -> did you mean "warn"?',
  ),
  top('a scalar for a map', 'log: info', 'c.yaml:2:6: log: expected a map of keys, found "info"'),
  top(
    'a duration without a unit',
    'drain_grace: 10',
    'c.yaml:2:14: drain_grace: expected a duration such as 250ms, 3s, 5m or 1h, found the number 10 -> say the unit: 10s or 10ms',
  ),
  top(
    'a key given twice',
    'workers: 1\nworkers: 2',
    'c.yaml:3:1: workers: is given twice, the first time in line 2 -> remove one of them',
  ),
  top('a key without a name', '? \n: 1', 'c.yaml:2:3: expected a key'),
  top('a key that is a trap', '__proto__: 1', 'c.yaml:2:1: __proto__: cannot be used as a key'),
  top(
    'a variable that is not set',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the config's own syntax
    'workers: ${WORKERS}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the config's own syntax
    'c.yaml:2:10: workers: the environment variable WORKERS is not set -> set WORKERS, or give a default: ${WORKERS:-default}',
  ),
  {
    about: 'a file with nothing in it',
    text: '',
    problems: [
      'c.yaml:1:1: names no service: there is nothing to balance -> list services under "services", or give a registry under "discover"',
    ],
  },
  { about: 'a list for a config', text: '- 1', problems: ['c.yaml:1:1: expected a map of keys, found a list'] },
  {
    about: 'two documents',
    text: 'a: 1\n---\nb: 2\n',
    problems: [
      'c.yaml:2:1: Source contains multiple documents; please use YAML.parseAllDocuments() -> one file holds one config: remove the "---" in between',
    ],
  },
  {
    about: 'a tab',
    text: 'a:\n\tb: 1\n',
    problems: ['c.yaml:2:1: Tabs are not allowed as indentation -> indent with spaces: YAML does not allow tabs there'],
  },
  {
    about: 'a bare variable in a flow map',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the config's own syntax
    text: 'log: { level: ${LEVEL} }\n',
    problems: [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the config's own syntax
      'c.yaml:1:16: Unexpected flow-map-start at node end -> within { } and [ ] a ${VARIABLE} must stand in quotes',
    ],
  },
  top('an alias of nothing', 'workers: *n', 'c.yaml:2:10: workers: there is no anchor "&n" above'),
  registry(
    'a type that does not exist',
    '{ type: etdc }',
    `c.yaml:3:14: registries.e.type: expected one of ${TYPES}, found "etdc" -> did you mean "etcd"?`,
  ),
  registry('no type', '{ path: x }', `c.yaml:3:3: registries.e.type: is missing; expected one of ${TYPES}`),
  registry('no endpoints', '{ type: etcd }', 'c.yaml:3:3: registries.e.endpoints: is missing; expected a list'),
  registry(
    'an endpoint without a scheme',
    '{ type: etcd, endpoints: ["h:2379"] }',
    'c.yaml:3:32: registries.e.endpoints[0]: expected a URL such as http://127.0.0.1:2379, found "h:2379" -> say the scheme, too: http://h:2379',
  ),
  registry(
    'an endpoint with a path, whose password is not shown',
    '{ type: etcd, endpoints: ["http://u:hunter2@h:1/x"] }',
    'c.yaml:3:32: registries.e.endpoints[0]: expected a URL such as http://127.0.0.1:2379, without a path, found "http://***@h:1/x"',
  ),
  registry(
    'two schemes, and the same member twice',
    '{ type: etcd, endpoints: ["http://h:1", "https://i:1", "http://h:1"] }',
    'c.yaml:3:46: registries.e.endpoints[1]: mixes http and https -> use one scheme for all endpoints',
    'c.yaml:3:61: registries.e.endpoints[2]: names h:1 a second time -> remove it',
  ),
  registry(
    'certificates for http',
    '{ type: etcd, endpoints: ["http://h:1"], tls: { cert: a } }',
    'c.yaml:3:47: registries.e.tls.key: is missing; cert needs it',
    'c.yaml:3:52: registries.e.tls: does not go with http endpoints -> write https:// in "endpoints", or leave "tls" out',
  ),
  registry(
    'a user without a password',
    '{ type: etcd, endpoints: ["http://h:1"], username: u }',
    'c.yaml:3:3: registries.e.password: is missing; username needs it',
  ),
  registry(
    'a password that is no text, without showing it',
    '{ type: etcd, endpoints: ["http://h:1"], username: u, password: 1234 }',
    'c.yaml:3:70: registries.e.password: expected a text, found something else -> write it in quotes to make it a text',
  ),
  registry(
    'protection for a moment without a unit',
    '{ type: file, path: x, empty_protection: 5 }',
    'c.yaml:3:47: registries.e.empty_protection: expected off, or a duration such as 250ms, 3s, 5m or 1h, found the number 5 -> say the unit: 5s or 5ms',
  ),
  registry(
    'discovery in a static registry',
    '{ type: static }',
    'c.yaml:1:23: discover.registry: the registry "e" is static: there is nothing to look names up in -> name another registry, or list the services under "services"',
  ),
  {
    about: 'a name with a space',
    text: 'discover: {}\nregistries:\n  my etcd: { type: file, path: x }\n',
    problems: [
      'c.yaml:3:3: registries.my etcd: expected a name of letters, digits, ".", "_" and "-" that starts with a letter or digit, found "my etcd"',
    ],
  },
  {
    about: 'discovery without {service}',
    text: 'discover: { path: /services/ }\nregistries: { f: { type: file, path: x } }\n',
    problems: [
      'c.yaml:1:19: discover.path: expected a path with {service}, found "/services/" -> for example /services/{service}/',
    ],
  },
  service(
    'a registry that does not exist',
    'registry: ee',
    'c.yaml:4:15: services.book.registry: there is no registry "ee" -> did you mean "e"?',
  ),
  service(
    'a key that services do not have',
    'plugins: {}',
    `c.yaml:4:5: services.book.plugins: unknown key -> ${SERVICE_KEYS}`,
  ),
  service(
    'a policy that does not exist',
    'balance: roundrobin',
    `c.yaml:4:14: services.book.balance: expected one of ${BALANCE_POLICIES.join(', ')}, or a module of your own such as ./my_policy.ts, found "roundrobin" -> did you mean "round_robin"?`,
  ),
  service(
    'a protocol',
    'protocol: http/1.0',
    'c.yaml:4:15: services.book.protocol: expected one of h2, http/1.1, found "http/1.0" -> did you mean "http/1.1"?',
  ),
  service(
    'a timeout of two units',
    'timeout: 1h30m',
    'c.yaml:4:14: services.book.timeout: expected a duration such as 250ms, 3s, 5m or 1h, or null, found "1h30m" -> use one unit: 90m instead of 1h30m',
  ),
  service(
    'a timeout of nothing',
    'timeout: 0s',
    'c.yaml:4:14: services.book.timeout: expected a duration such as 250ms, 3s, 5m or 1h, or null, and at least 1ms, found "0s"',
  ),
  service(
    'a version that is a number',
    'version: { default: 1.10 }',
    'c.yaml:4:25: services.book.version.default: expected a version, a list such as "v3, v2", a range such as ^1.2, or *, found the number 1.1 -> write it in quotes to make it a text',
  ),
  service(
    'a pseudo-header',
    'version: { header: ":path" }',
    'c.yaml:4:24: services.book.version.header: expected the name of a header, found ":path" -> pseudo-headers cannot be used',
  ),
  service(
    'a fallback',
    'version: { fallback: nome }',
    'c.yaml:4:26: services.book.version.fallback: expected one of none, any, or a list, found "nome" -> did you mean "none"?',
  ),
  service(
    'an empty fallback',
    'version: { fallback: [] }',
    'c.yaml:4:26: services.book.version.fallback: expected a list with at least one entry, found an empty list',
  ),
  service(
    'a fallback that mixes versions and words, or repeats itself',
    'version: { fallback: [v2, any, v2] }',
    'c.yaml:4:31: services.book.version.fallback[1]: "any" cannot stand in a list of versions -> write "fallback: any", or versions only',
    'c.yaml:4:36: services.book.version.fallback[2]: names the version "v2" a second time -> remove it',
  ),
  service(
    'limits',
    'limits: { requests: 0, pending: -1, connections: 2 }',
    'c.yaml:4:25: services.book.limits.requests: expected a whole number from 1 to 1000000, found the number 0',
    'c.yaml:4:37: services.book.limits.pending: expected a whole number from 0 to 1000000, found the number -1',
    `c.yaml:4:41: services.book.limits.connections: unknown key -> ${LIMITS}`,
  ),
  service(
    'instances beside a registry that finds them',
    'instances: [ { address: "h:1" } ]',
    'c.yaml:4:5: services.book.instances: the registry "e" finds the instances by itself -> name a registry of type static, or leave the instances out',
  ),
  fixed(
    'a static service without instances',
    'balance: random',
    'c.yaml:3:3: services.book.instances: is missing; the registry "s" is static -> add "instances: [ { address: 127.0.0.1:50051 } ]"',
  ),
  fixed(
    'a path in a static registry',
    'path: /x/\n    instances: [ { address: "h:1" } ]',
    'c.yaml:4:5: services.book.path: does not go with the static registry "s" -> leave it out',
  ),
  fixed(
    'instances that are none',
    'instances: [ { address: h }, { address: "http://h:1/x" }, { adress: h }, h ]',
    'c.yaml:4:29: services.book.instances[0].address: expected host:port, [v6]:port or unix:/path, found "h" -> the port is missing',
    'c.yaml:4:45: services.book.instances[1].address: expected host:port, [v6]:port or unix:/path, found "http://h:1/x" -> leave the scheme out: h:1',
    'c.yaml:4:63: services.book.instances[2].address: is missing; expected host:port, [v6]:port or unix:/path',
    'c.yaml:4:65: services.book.instances[2].adress: unknown key -> did you mean "address"?',
    'c.yaml:4:78: services.book.instances[3]: expected a map of keys, found "h"',
  ),
  fixed(
    'an address twice, and the own one',
    'instances: [ { address: "h:1" }, { address: "h:1" }, { address: "127.0.0.1:15001" } ]',
    'c.yaml:4:49: services.book.instances[1].address: "h:1" is the address of instances[0], too -> one address is one instance: remove one of them',
    'c.yaml:4:69: services.book.instances[2].address: is where Outrigger itself listens (listen) -> give the address of the instance',
  ),
  fixed(
    'a negative weight',
    'instances: [ { address: "h:1", weight: -1 } ]',
    'c.yaml:4:44: services.book.instances[0].weight: expected a number from 0, found the number -1',
  ),
  {
    about: 'names that lead nowhere',
    text: `${ETCD}\nservices: { book: {} }\nroutes:\n  - { path: /a, service: bok }\n  - { path: b, service: book, host: "h:1" }\ndefault_service: nobody\n`,
    problems: [
      'c.yaml:4:26: routes[0].service: there is no service "bok" -> did you mean "book"?',
      'c.yaml:5:13: routes[1].path: expected a path that starts with "/", found "b"',
      'c.yaml:5:37: routes[1].host: expected a host without a port, found "h:1"',
      'c.yaml:6:18: default_service: there is no service "nobody" -> there are: book',
    ],
  },
  {
    about: 'a route that never matches',
    text: `${ETCD}\nservices: { book: {} }\nroutes:\n  - { path: /, service: book, host: h }\n  - { path: /a, service: book }\n  - { path: /a/b, service: book, host: h }\n`,
    problems: [
      'c.yaml:6:5: routes[2]: never matches: routes[0] takes all its requests -> put the more specific route first',
    ],
  },
  {
    about: 'a service among several registries',
    text: 'registries:\n  a: { type: static }\n  b: { type: static }\nservices:\n  book: {}\n',
    problems: ['c.yaml:5:3: services.book.registry: is missing; there are several registries: a, b'],
  },
  {
    about: 'no registry at all',
    text: 'services:\n  book: {}\n',
    problems: [
      'c.yaml:2:3: services.book.registry: there is no registry to find instances in -> add one under "registries"',
    ],
  },
];

for (const { about, text, problems } of CASES) {
  test(`a problem names its place, its key, what was expected and what was found: ${about}`, (t) => {
    t.deepEqual(problemsOf(loadText(text)), problems);
  });
}

test('all problems are told at once, in the order of the file', (t) => {
  const text = 'workers: x\nservices:\n  book:\n    registry: main\n    timeout: 1\nlisten: 1\n';
  t.deepEqual(
    problemsOf(loadText(text)).map((line) => line.split(': ').slice(0, 2).join(' ')),
    [
      'c.yaml:1:10 workers',
      'c.yaml:4:15 services.book.registry',
      'c.yaml:5:14 services.book.timeout',
      'c.yaml:6:9 listen',
    ],
  );
});

test('the place of a problem knows its line, with the secrets on it starred out', (t) => {
  const text = `${RIGHT}\nregistries: { e: { type: etdc, password: "hun ter2", endpoints: ["http://u:p@h:1"] } }\n`;
  const result = loadText(text);
  const at = result.kind === 'problems' ? result.problems[0]?.at : undefined;
  t.like(at, {
    length: 4,
    lineText: 'registries: { e: { type: etdc, password: **********, endpoints: ["http://***@h:1"] } }',
  });
});

test('a secret is starred out on a line that is no YAML, too', (t) => {
  const result = loadText('registries: { e: { password: hunter2 } ]\n');
  t.is(result.kind, 'problems');
  t.notRegex(JSON.stringify(result), /hunter2/);
});
