import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import test, { type ExecutionContext } from 'ava';
import { service as healthService } from 'grpc-health-check';
import type { AdminView } from '../../src/admin/admin_view.ts';
import { startGrpcServer } from '../../src/admin/grpc_server.ts';
import { ENDPOINT, ENDPOINT_STATES } from '../../src/model/counters.ts';
import { World } from '../observe/world.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual_clock.ts';

type Unary = (request: object, done: (error: grpc.ServiceError | null, reply: never) => void) => void;

function call<T>(client: grpc.Client, method: string, request: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const unary = (client as unknown as Record<string, Unary>)[method] as Unary;
    unary.call(client, request, (error, reply: T) => (error === null ? resolve(reply) : reject(error)));
  });
}

function connect(t: ExecutionContext, address: string, service: unknown, name: string): grpc.Client {
  const Stub = grpc.makeClientConstructor(service as grpc.ServiceDefinition, name);
  const client = new Stub(address, grpc.credentials.createInsecure());
  t.teardown(() => client.close());
  return client;
}

async function start(t: ExecutionContext, ready = () => true) {
  const world = new World(1);
  const book = world.addService('book', ['']);
  const instance = world.addInstance(book, '10.0.0.1:1', null);
  const clock = manualClock();
  const view = { counters: world.counters, services: () => world.list } as unknown as AdminView;
  const readiness = () => ({ ready: ready(), reasons: [] });
  const server = await startGrpcServer({ listen: '127.0.0.1:0', view, readiness, clock });
  t.teardown(() => server.close());
  const setState = (state: (typeof ENDPOINT_STATES)[number]): void => {
    world.set(0, instance.counters, ENDPOINT.STATE, ENDPOINT_STATES.indexOf(state));
    clock.advance(1_000);
  };
  return { address: server.address, world, clock, setState };
}

test('health says how the sidecar and each service are, and follows what changes', async (t) => {
  let ready = false;
  const { address, world, clock, setState } = await start(t, () => ready);
  const health = connect(t, address, healthService, 'Health');
  const status = async (service: string) => (await call<{ status: string }>(health, 'Check', { service })).status;
  t.is(await status(''), 'NOT_SERVING');
  t.is(await status('book'), 'NOT_SERVING');
  await t.throwsAsync(status('nobody'), { message: /NOT_FOUND/ });
  const watched: string[] = [];
  const watch = (
    health as unknown as Record<string, (request: object) => grpc.ClientReadableStream<{ status: string }>>
  ).Watch?.({ service: 'book' });
  watch?.on('data', (reply: { status: string }) => watched.push(reply.status)).on('error', () => {});
  await eventually(() => watched.length === 1);
  setState('ready');
  await eventually(() => watched.at(-1) === 'SERVING');
  ready = true;
  setState('backoff');
  await eventually(() => watched.at(-1) === 'NOT_SERVING');
  t.is(await status(''), 'SERVING');
  world.list.length = 0;
  clock.advance(1_000);
  await eventually(() => watched.length === 4);
  watch?.cancel();
});

test('channelz answers', async (t) => {
  const { address } = await start(t);
  const proto = new URL('../../node_modules/@grpc/grpc-js/proto/channelz.proto', import.meta.url).pathname;
  const definition = loadSync(proto)['grpc.channelz.v1.Channelz'];
  const channelz = connect(t, address, definition, 'Channelz');
  const { server } = await call<{ server: readonly { data: { callsStarted: string } }[] }>(channelz, 'GetServers', {});
  t.true(server.length >= 1);
});

interface Reflected {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
}

for (const version of ['v1', 'v1alpha']) {
  test(`reflection ${version} lists what there is, for grpcurl`, async (t) => {
    const { address } = await start(t);
    const directory = new URL('../../node_modules/@grpc/reflection/build/proto/', import.meta.url).pathname;
    const definition = loadSync(`grpc/reflection/${version}/reflection.proto`, { includeDirs: [directory] });
    const client = connect(t, address, definition[`grpc.reflection.${version}.ServerReflection`], 'ServerReflection');
    const stream = (
      client as unknown as Record<string, () => grpc.ClientDuplexStream<object, Reflected>>
    ).ServerReflectionInfo?.();
    const names = await new Promise<string[]>((resolve, reject) => {
      stream?.on('error', reject);
      stream?.on('data', (reply: Reflected) =>
        resolve(reply.listServicesResponse?.service.map(({ name }) => name) ?? []),
      );
      stream?.write({ listServices: '' });
    });
    stream?.end();
    for (const name of ['grpc.health.v1.Health', 'grpc.channelz.v1.Channelz'])
      t.true(names.includes(name), names.join());
  });
}

test('an address that is taken is an error that names the key', async (t) => {
  const { address } = await start(t);
  const world = new World(1);
  const view = { counters: world.counters, services: () => [] } as unknown as AdminView;
  const readiness = () => ({ ready: true, reasons: [] });
  await t.throwsAsync(startGrpcServer({ listen: address, view, readiness, clock: manualClock() }), {
    message: /^admin_grpc: cannot listen on .*in use/,
  });
});
