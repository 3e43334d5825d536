import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { connectEcho, type EchoClient, type Outcome, type Pairs } from '../support/echo_client.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { type Sidecar, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

// One instance per service: who answers tells which service the request was taken for.
const NAMES = ['by-header', 'by-route', 'by-authority', 'by-discovery', 'by-default'] as const;
const servers = new Map<string, GrpcServer>();
const clients: EchoClient[] = [];
let everything: Sidecar;
let strict: Sidecar;

test.before(async () => {
  for (const name of NAMES) servers.set(name, await startGrpcServer({ name }));
  const address = (name: string) => servers.get(name)?.address as string;
  const file = join(temporaryDirectory(), 'records.yaml');
  writeFileSync(file, JSON.stringify({ services: { 'by-discovery': [{ address: address('by-discovery') }] } }));
  const service = (name: string) => ({ registry: 'here', instances: [{ address: address(name) }] });
  const registries = { here: { type: 'static' }, records: { type: 'file', path: file } };
  everything = await startSidecar({
    registries,
    services: {
      'by-header': service('by-header'),
      'by-route': service('by-route'),
      'by-authority': service('by-authority'),
      'by-default': service('by-default'),
    },
    routes: [
      { path: '/outrigger.test.Echo/ClientStream', service: 'by-route' },
      { path: '/outrigger.test.Echo/Client', service: 'by-header' },
    ],
    discover: { registry: 'records', path: '/services/{service}/' },
    default_service: 'by-default',
  });
  strict = await startSidecar({
    registries,
    services: { 'by-authority': service('by-authority') },
    discover: { registry: 'records', path: '/services/{service}/' },
  });
});

test.after.always(async () => {
  for (const client of clients) client.close();
  await everything?.kill();
  await strict?.kill();
  for (const server of servers.values()) server.stop();
});

function client(sidecar: Sidecar, authority: string): EchoClient {
  const made = connectEcho(sidecar.address, authority);
  clients.push(made);
  return made;
}

const who = (outcome: Outcome): string =>
  outcome.code === 0 ? (outcome.replies[0]?.name ?? '?') : `${outcome.code}: ${outcome.details}`;

const header = (service: string): Pairs => [['x-outrigger-service', service]];

test('1. x-outrigger-service goes before everything else', async (t) => {
  const outcome = await client(everything, 'by-authority').clientStream(['x'], { metadata: header('by-header') });
  t.is(who(outcome), 'by-header');
});

test('1. x-outrigger-service is removed before forwarding', async (t) => {
  const outcome = await client(everything, 'by-authority').unary('x', {
    metadata: [...header('by-header'), ['echo-show', 'x-outrigger-service']],
  });
  t.is(who(outcome), 'by-header');
  t.deepEqual(outcome.headers?.get('shown-x-outrigger-service'), []);
});

test('1. a header that names no service is not quietly taken for another', async (t) => {
  const outcome = await client(strict, 'by-authority').unary('x', { metadata: header('no-such-service') });
  t.not(outcome.code, 0);
  t.regex(outcome.details, /no-such-service/);
});

test('2. the first matching route goes before the authority', async (t) => {
  t.is(who(await client(everything, 'by-authority').clientStream(['x'])), 'by-route');
});

for (const authority of ['by-authority', 'by-authority:80']) {
  test(`3. the authority ${authority} names a service when no route matches`, async (t) => {
    t.is(who(await client(everything, authority).unary('x')), 'by-authority');
  });
}

test('4. an authority met for the first time is looked up in the registry', async (t) => {
  t.is(who(await client(everything, 'by-discovery').unary('x', { deadlineMs: 20_000 })), 'by-discovery');
  t.is(who(await client(strict, 'by-discovery:50051').unary('x', { deadlineMs: 20_000 })), 'by-discovery');
});

test('4. many first calls at once for one new name are all answered', async (t) => {
  const fresh = client(strict, 'by-discovery');
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => fresh.unary('x', { deadlineMs: 20_000 })));
  t.deepEqual([...new Set(outcomes.map(who))], ['by-discovery']);
});

test('5. what nobody knows goes to the default service', async (t) => {
  t.is(who(await client(everything, 'localhost:15001').unary('x', { deadlineMs: 20_000 })), 'by-default');
});

test('5. without a default it is an error that says what was asked and how to name a service', async (t) => {
  const outcome = await client(strict, 'nobody-knows-me').unary('x', { deadlineMs: 20_000 });
  const [reason] = outcome.trailers.get('x-outrigger-reason');
  // Looked up and not found (14), or never a name that could be looked up (12).
  t.true((outcome.code === 12 && reason === 'no_route') || (outcome.code === 14 && reason === 'no_instance'));
  t.regex(outcome.details, /nobody-knows-me/);
});

test('an IP address or localhost as authority is no service name', async (t) => {
  const outcome = await client(strict, '127.0.0.1:15001').unary('x', { deadlineMs: 20_000 });
  t.is(outcome.code, 12);
  t.deepEqual(outcome.trailers.get('x-outrigger-reason'), ['no_route']);
  t.regex(outcome.details, /x-outrigger-service/);
});
