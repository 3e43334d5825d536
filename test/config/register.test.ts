import test from 'ava';
import { redact } from '../../src/config/redact.ts';
import { configOf, loadText, problemsOf } from './load_text.ts';

const ETCD = 'registries: { main: { type: etcd, endpoints: ["http://10.0.0.1:2379"] } }';
const TWO = 'registries: { etcd: { type: etcd, endpoints: ["http://10.0.0.1:2379"] }, here: { type: static } }';

/** The problems of one entry of `register`, without their place. */
const register = (entry: string, registries = ETCD): string[] =>
  problemsOf(loadText(`${registries}\nregister:\n  - ${entry}\n`)).map((problem) =>
    problem.replace(/^c\.yaml:\d+:\d+: /, ''),
  );

test('a name and a port are enough', (t) => {
  const [entry] = configOf(loadText(`${ETCD}\nregister: [ { service: app, port: 8089 } ]`)).register;
  t.deepEqual(entry, {
    service: 'app',
    registry: 'main',
    address: { kind: 'detected', port: 8089 },
    version: null,
    weight: 1,
    zone: null,
    metadata: {},
    id: null,
    path: '/services/app/',
    format: 'outrigger',
    ttlMs: 15_000,
    health: { check: { kind: 'tcp' }, interval: 5_000, timeout: 1_000, rise: 1, fall: 3, address: null },
    allowLoopback: false,
  });
});

test('an address may be whole, or a host beside a port', (t) => {
  const given = (entry: string) =>
    configOf(loadText(`${ETCD}\nregister: [ { service: app, ${entry} } ]`)).register[0]?.address;
  t.deepEqual(given('address: "10.0.0.5:8089"'), { kind: 'given', address: '10.0.0.5:8089' });
  t.deepEqual(given('address: 10.0.0.5, port: 8089'), { kind: 'given', address: '10.0.0.5:8089' });
  t.deepEqual(given('address: "fd00::5", port: 8089'), { kind: 'given', address: '[fd00::5]:8089' });
});

test('a registration that cannot be is refused, and the problem says what to do', (t) => {
  t.deepEqual(register('{ service: app }'), [
    'register[0].address: is missing; expected host:port, or a host with "port" beside it -> or give "port" alone: the host is found out then',
  ]);
  t.deepEqual(register('{ service: app, address: 10.0.0.5 }'), [
    'register[0].address: expected host:port, or a host with "port" beside it, found "10.0.0.5" -> the port is missing',
  ]);
  t.deepEqual(register('{ service: app, address: "10.0.0.5:1", port: 1 }'), [
    'register[0].port: expected no port, since "address" says it, found the number 1 -> leave one of them out',
  ]);
  t.deepEqual(register('{ service: app, address: "unix:/tmp/app.sock" }'), [
    'register[0].address: expected host:port, or a host with "port" beside it, found "unix:/tmp/app.sock" -> others cannot reach a unix socket',
  ]);
  t.deepEqual(register('{ service: app, address: "0.0.0.0:1" }'), [
    'register[0].address: "0.0.0.0:1" is no address that others can reach -> leave "address" out and give "port": the host is found out',
  ]);
  t.regex(
    register('{ service: app, address: "127.0.0.1:1" }').join(),
    /is a loopback address, and the registry "main" is on another machine/,
  );
  t.deepEqual(register('{ service: app, address: "127.0.0.1:1", allow_loopback: true }'), []);
  t.deepEqual(register('{ service: app, address: "127.0.0.1:1" }', ETCD.replace('10.0.0.1', 'localhost')), []);
  t.deepEqual(register('{ service: app, port: 1, ttl: 5s }'), [
    'register[0].ttl: expected a duration such as 250ms, 3s, 5m or 1h, and at least 10s, found "5s"',
  ]);
  t.deepEqual(register('{ service: app, port: 1, registry: here }', TWO), [
    'register[0].registry: the registry "here" is of type static: Outrigger does not register there -> name a registry of type etcd or consul',
  ]);
  t.deepEqual(register('{ service: app, port: 1, registry: etdc }', TWO), [
    'register[0].registry: there is no registry "etdc" -> did you mean "etcd"?',
  ]);
  t.deepEqual(register('{ service: app, port: 1 }', TWO), [
    'register[0].registry: is missing; there are several registries: etcd, here',
  ]);
  t.deepEqual(register('{ service: app, port: 1 }\n  - { service: app, port: 1 }'), [
    'register[1].service: is registered at the same place by register[0] -> remove one of them',
  ]);
  t.deepEqual(register('{ service: app, port: 1, health: { grpc: "", tcp: true } }'), [
    'register[0].health: expected one of grpc, http and tcp, found a map of keys -> there are: grpc, tcp',
  ]);
  t.deepEqual(register('{ service: app, port: 1, health: {} }'), [
    'register[0].health: expected one of grpc, http and tcp, found a map of keys -> for example { grpc: "" }, { http: /healthz } or tcp',
  ]);
  t.deepEqual(register('{ service: app, port: 1, health: off }'), []);
});

test('a service may be checked, in three ways', (t) => {
  const health = (text: string) =>
    configOf(loadText(`${ETCD}\nservices: { book: { health: ${text} } }`)).services.get('book')?.health;
  t.is(health('null'), null);
  t.deepEqual(health('tcp'), {
    check: { kind: 'tcp' },
    interval: 5_000,
    timeout: 1_000,
    rise: 2,
    fall: 3,
    port: null,
    secure: false,
    keep: 0,
  });
  t.deepEqual(health('{ grpc: book.Book }')?.check, { kind: 'grpc', service: 'book.Book', watch: true });
  t.deepEqual(health('{ grpc: "", watch: false }')?.check, { kind: 'grpc', service: '', watch: false });
  const secure = (text: string) =>
    configOf(loadText(`${ETCD}\nservices: { book: { tls: {}, health: ${text} } }`)).services.get('book')?.health
      ?.secure;
  t.true(secure('{ grpc: "" }'));
  t.false(secure('{ grpc: "", tls: false }'));
  t.false(secure('{ http: /, port: 80 }'));
  t.true(secure('{ http: /, port: 80, tls: true }'));
  t.false(secure('tcp'));
  t.deepEqual(health('{ http: /healthz, port: 8080, keep: 30s }'), {
    check: { kind: 'http', path: '/healthz' },
    interval: 5_000,
    timeout: 1_000,
    rise: 2,
    fall: 3,
    port: 8080,
    secure: false,
    keep: 30_000,
  });
  t.deepEqual(problemsOf(loadText(`${ETCD}\nservices: { book: { health: { http: healthz } } }`)), [
    'c.yaml:2:37: services.book.health.http: expected a path that starts with "/", found "healthz"',
  ]);
});

test('a service may stand in several registries, each with a path of its own', (t) => {
  const registries = TWO.replace(
    'here: { type: static }',
    'consul: { type: consul, address: "http://127.0.0.1:8500" }',
  );
  const config = configOf(
    loadText(
      `${registries}\nservices: { book: { registry: [etcd, consul], path: { etcd: /b/ } } }\ndiscover: { registry: [consul, etcd] }`,
    ),
  );
  const book = config.services.get('book');
  t.deepEqual(book?.sources, [
    { registry: 'etcd', path: '/b/' },
    { registry: 'consul', path: 'book' },
  ]);
  t.is(book?.registryMode, 'union');
  t.is(book?.settings.registry, 'etcd, consul');
  t.is(book?.settings.path, 'etcd: /b/, consul: book');
  t.deepEqual(config.discover?.sources, [
    { registry: 'consul', path: '{service}' },
    { registry: 'etcd', path: '/services/{service}/' },
  ]);
  const shown = redact(config) as { services: { book: Record<string, unknown> } };
  t.deepEqual(shown.services.book.registry, ['etcd', 'consul']);
  t.deepEqual(shown.services.book.path, { etcd: '/b/', consul: 'book' });
});

test('a list of registries is checked name by name, and so are the paths', (t) => {
  t.deepEqual(problemsOf(loadText(`${TWO}\nservices: { book: { registry: [etcd, etdc, etcd], path: { here: x } } }`)), [
    'c.yaml:2:38: services.book.registry[1]: there is no registry "etdc" -> did you mean "etcd"?',
    'c.yaml:2:44: services.book.registry[2]: names the registry "etcd" a second time -> remove it',
    'c.yaml:2:59: services.book.path.here: is not one of the registries in "registry" -> there are: etcd',
  ]);
  t.deepEqual(problemsOf(loadText(`${TWO}\nservices: { book: { registry: [etcd, here] } }`)), [
    'c.yaml:2:13: services.book.instances: is missing; the registry "here" is static -> add "instances: [ { address: 127.0.0.1:50051 } ]"',
  ]);
  t.deepEqual(
    problemsOf(
      loadText(
        `${TWO}\nservices: { book: { registry: [etcd, here], path: /b/, instances: [ { address: "127.0.0.1:1" } ] } }`,
      ),
    ),
    [],
  );
});

test('the directory for last good sets is beside the config unless it says otherwise', (t) => {
  t.is(configOf(loadText(`${ETCD}\ndiscover: {}`)).stateDir, null);
  t.is(configOf(loadText(`${ETCD}\ndiscover: {}\nstate_dir: state`)).stateDir, '/etc/outrigger/state');
});
