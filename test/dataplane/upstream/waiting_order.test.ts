import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { type Instance, type Received, startInstance } from '../../support/plane_instance.ts';
import { holds } from '../../support/wire_property.ts';

const ONE_AT_A_TIME = { begun() {}, limits: { maxConcurrentStreams: 1 } };

/** Two instances, of v1 and v2, each with room for one request, which are both busy. */
async function busy(t: ExecutionContext) {
  const plane = await startPlane(t);
  const instances = { v1: await startInstance(t, ONE_AT_A_TIME), v2: await startInstance(t, ONE_AT_A_TIME) };
  const set = [
    { address: instances.v1.address, version: 'v1' },
    { address: instances.v2.address, version: 'v2' },
  ];
  const counters = await plane.serve('shop', set, { limits: { connectionsPerInstance: 1 } });
  const app = await startApp(t, plane);
  let waiting = 0;
  /** A request that has to wait: it has arrived when this resolves. */
  const request = async (version: string, name: string): Promise<void> => {
    app.call('shop', { headers: [...(version === 'any' ? [] : ['x-version', version]), 'x-name', name] });
    waiting++;
    await eventually(() => counters.pending === waiting);
  };
  /** The instance answers the request that it has; gives the name of the one that it gets next, or null. */
  const free = async (instance: Instance, next: boolean): Promise<string | null> => {
    const at = instance.requests.length;
    instance.requests.at(-1)?.ok();
    if (!next) return null;
    waiting--;
    await eventually(() => instance.requests.length === at + 1);
    return (instance.requests[at] as Received).values('x-name')[0] as string;
  };
  app.call('shop', { headers: ['x-version', 'v1'] });
  app.call('shop', { headers: ['x-version', 'v2'] });
  await eventually(() => instances.v1.requests.length + instances.v2.requests.length === 2);
  return { plane, counters, instances, request, free, set };
}

test('a free instance takes whoever came first: of those that asked for its version and those that asked for any', async (t) => {
  const { request, free, instances } = await busy(t);
  for (const [i, version] of ['v2', 'any', 'v1', 'v1', 'any', 'v2', 'any'].entries()) await request(version, String(i));
  const order: (string | null)[] = [];
  for (const version of ['v1', 'v1', 'v2', 'v1', 'v2', 'v2', 'v1'] as const)
    order.push(await free(instances[version], true));
  t.deepEqual(order, ['1', '2', '0', '3', '4', '5', '6']);
});

test('whoever had to choose again, since the set changed, keeps its place', async (t) => {
  const { plane, request, free, instances, set } = await busy(t);
  for (const [i, version] of ['v1', 'any', 'v1', 'any'].entries()) await request(version, String(i));
  plane.tell('shop', [...set, { address: '127.0.0.1:1', version: 'v3' }], { limits: { connectionsPerInstance: 1 } });
  const order: (string | null)[] = [];
  for (let i = 0; i < 4; i++) order.push(await free(instances.v1, true));
  t.deepEqual(order, ['0', '1', '2', '3']);
});

test('when all who wait go to another service at once, they are sent there in the order in which they came', async (t) => {
  const plane = await startPlane(t, { defaultService: 'home' });
  const [full, home] = [await startInstance(t, ONE_AT_A_TIME), await startInstance(t)];
  await plane.serve('home', [{ address: home.address, version: 'v1' }]);
  const set = [{ address: full.address, version: 'v1' }];
  const counters = await plane.serve('shop', set, { limits: { connectionsPerInstance: 1 } });
  const app = await startApp(t, plane);
  app.call('shop');
  await eventually(() => full.requests.length === 1);
  const names = ['0', '1', '2', '3', '4', '5'];
  for (const name of names) {
    app.call('shop', { headers: [...(Number(name) % 2 === 0 ? ['x-version', 'v1'] : []), 'x-name', name] });
    await eventually(() => counters.pending === Number(name) + 1);
  }
  plane.tell('shop', []);
  await eventually(() => home.requests.length === names.length);
  t.deepEqual(
    home.requests.flatMap((request) => request.values('x-name')),
    names,
  );
});

test('in whatever order they come and instances become free, nobody overtakes one that could have gone', async (t) => {
  await holds(
    t,
    fc.asyncProperty(
      fc.array(fc.constantFrom('v1', 'v2', 'any'), { minLength: 1, maxLength: 10 }),
      fc.array(fc.constantFrom('v1' as const, 'v2' as const), { minLength: 1, maxLength: 14 }),
      async (versions, freed) => {
        const { request, free, instances, counters } = await busy(t);
        const model = versions.map((version, i) => ({ version, name: String(i) }));
        for (const { version, name } of model) await request(version, name);
        for (const version of freed) {
          if (instances[version].requests.at(-1)?.stream.writable !== true) continue;
          const at = model.findIndex((each) => each.version === version || each.version === 'any');
          const expected = at === -1 ? null : (model.splice(at, 1)[0]?.name as string);
          const got = await free(instances[version], expected !== null);
          if (got !== expected) throw new Error(`${version} took ${got} instead of ${expected}`);
        }
        if (counters.pending !== model.length) throw new Error(`${counters.pending} wait instead of ${model.length}`);
      },
    ),
    { numRuns: 12 },
  );
});
