import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BALANCE_POLICIES, type ModulePath } from '../../../src/model/balancing.ts';
import { eventually } from '../../support/eventually.ts';
import { ask } from '../../support/http1_client.ts';
import { binaryReport } from '../../support/orca.ts';
import { type PlaneOptions, type Registered, type ServiceOptions, startPlane } from '../../support/plane.ts';
import { type App, type CallOptions, startApp } from '../../support/plane_app.ts';
import { type Instance, type InstanceOptions, startInstance } from '../../support/plane_instance.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

interface SetUp extends PlaneOptions {
  readonly count?: number;
  readonly settings?: ServiceOptions;
  /** What the registry says of each. */
  readonly record?: (index: number) => Partial<Registered>;
  readonly instance?: (index: number) => InstanceOptions;
}

/** A plane with a service `s`, and an app in front of it. */
async function setUp(t: ExecutionContext, options: SetUp = {}) {
  const { count = 4, settings = {}, record = () => ({}), instance = () => ({}) } = options;
  const plane = await startPlane(t, options);
  const started = await Promise.all(Array.from({ length: count }, (_, index) => startInstance(t, instance(index))));
  const instances = started.sort((a, b) => (a.address < b.address ? -1 : 1));
  const registered = instances.map(({ address }, index) => ({ address, ...record(index) }));
  const counters = await plane.serve('s', registered, settings);
  const app = await startApp(t, plane);
  return { plane, instances, registered, counters, app };
}

/** Makes calls one after the other; gives how many each instance had of them. */
async function calls(
  t: ExecutionContext,
  app: App,
  instances: readonly Instance[],
  count: number,
  optionsOf: (call: number) => CallOptions = () => ({}),
): Promise<number[]> {
  const before = instances.map(({ requests }) => requests.length);
  for (let i = 0; i < count; i++) t.is(await app.call('s', optionsOf(i)).ended(), '0');
  return instances.map(({ requests }, index) => requests.length - (before[index] as number));
}

for (const balance of BALANCE_POLICIES) {
  test(`${balance}: calls are answered while instances come and go`, async (t) => {
    const { plane, instances, registered, counters, app } = await setUp(t, { settings: { balance } });
    const during = (async () => {
      for (let round = 0; round < 6; round++) {
        plane.tell('s', round % 2 === 0 ? registered.slice(1) : registered, { balance });
        await eventually(() => plane.states('s').every((state) => state === 'ready'));
      }
    })();
    const made = Array.from({ length: 300 }, (_, i) => app.call('s', { headers: ['x-key', String(i % 20)] }));
    for (const call of made) t.is(await call.ended(), '0');
    await during;
    const total = instances.reduce((sum, { requests }) => sum + requests.length, 0);
    t.is(total, 300);
    await eventually(() => counters.requests['2xx 0'] === 300 && counters.inFlight === 0);
  });
}

test('weighted_round_robin: each instance gets exactly its share, and the new one when the registry changes it', async (t) => {
  const settings: ServiceOptions = { balance: 'weighted_round_robin' };
  const { plane, instances, registered, app } = await setUp(t, {
    count: 3,
    settings,
    record: (index) => ({ weight: [1, 2, 5][index] as number }),
  });
  const close = (found: number[], expected: number[]): void => {
    for (const [index, count] of found.entries()) {
      t.true(Math.abs(count - (expected[index] as number)) <= 1, `${found} instead of ${expected}`);
    }
  };
  close(await calls(t, app, instances, 80), [10, 20, 50]);
  const changed = registered.map((one, index) => ({ ...one, weight: [6, 2, 0][index] as number }));
  plane.tell('s', changed, settings);
  close(await calls(t, app, instances, 80), [60, 20, 0]);
});

test('pick_first: one instance gets everything, the next one while it is away, and then it again', async (t) => {
  const settings: ServiceOptions = { balance: 'pick_first' };
  const { plane, instances, registered, app } = await setUp(t, { count: 3, settings });
  t.deepEqual(await calls(t, app, instances, 10), [10, 0, 0]);
  plane.tell('s', registered.slice(1), settings);
  t.deepEqual(await calls(t, app, instances, 10), [0, 10, 0]);
  await plane.serve('s', registered, settings);
  t.deepEqual(await calls(t, app, instances, 10), [10, 0, 0]);
});

for (const balance of ['least_request', 'peak_ewma'] as const) {
  test(`${balance}: an instance that fails every call at once gets hardly any`, async (t) => {
    // Nobody is left out: it is the policy that has to see it.
    const settings: ServiceOptions = { balance, outlier: { ...OUTLIER, consecutiveFailures: null } };
    const { plane, instances, app } = await setUp(t, {
      settings,
      instance: () => ({ ended: (request) => setTimeout(() => request.ok(), 5) }),
    });
    const bad = await startInstance(t, {
      ended: (request) => request.headers([':status', '200', 'grpc-status', '14'], true),
    });
    const all = [...instances, bad].map(({ address }) => ({ address }));
    await plane.serve('s', all, settings);
    for (let i = 0; i < 60; i++) {
      const batch = Array.from({ length: 5 }, () => app.call('s'));
      for (const call of batch) await call.ended();
    }
    t.true(bad.requests.length < 30, `${bad.requests.length} of 300`);
  });
}

const OUTLIER = {
  consecutiveFailures: 5,
  failureCodes: [14],
  interval: 10_000,
  baseEjection: 30_000,
  maxEjection: 300_000,
  maxEjected: 0.1,
  successRate: null,
  failurePercentage: null,
} as const;

for (const balance of ['ring_hash', 'maglev'] as const) {
  const owners = async (
    t: ExecutionContext,
    app: App,
    instances: readonly Instance[],
    options: (user: number) => CallOptions,
  ): Promise<number[]> => {
    const found: number[] = [];
    for (let user = 0; user < 12; user++) {
      const counts = await calls(t, app, instances, 3, () => options(user));
      t.deepEqual(
        counts.filter((count) => count > 0),
        [3],
        `user ${user} is torn apart: ${counts}`,
      );
      found.push(counts.indexOf(3));
    }
    t.true(new Set(found).size > 1, 'different users, different instances');
    return found;
  };

  test(`${balance}: by header: a user stays with an instance, also when another one leaves`, async (t) => {
    const settings: ServiceOptions = { balance, hashOn: { kind: 'header', name: 'x-user' } };
    const { plane, instances, registered, app } = await setUp(t, { settings });
    const byHeader = (user: number): CallOptions => ({ headers: ['x-user', `user-${user}`] });
    const before = await owners(t, app, instances, byHeader);
    plane.tell('s', registered.slice(1), settings);
    const after = await owners(t, app, instances, byHeader);
    let moved = 0;
    for (const [user, owner] of before.entries()) if (owner !== 0 && after[user] !== owner) moved++;
    t.true(moved <= (balance === 'ring_hash' ? 0 : 4), `${moved} users moved`);
  });

  test(`${balance}: by cookie, one field or several, and by path`, async (t) => {
    const byCookie = await setUp(t, { settings: { balance, hashOn: { kind: 'cookie', name: 'session' } } });
    const before = await owners(t, byCookie.app, byCookie.instances, (user) => ({
      headers: ['cookie', `a=1; session=s${user}; b=2`],
    }));
    const split = await owners(t, byCookie.app, byCookie.instances, (user) => ({
      headers: ['cookie', 'other=session', 'cookie', `session=s${user}`],
    }));
    t.deepEqual(split, before);
    const byPath = await setUp(t, { settings: { balance, hashOn: { kind: 'path' } } });
    await owners(t, byPath.app, byPath.instances, (user) => ({ path: `/test.Test/Call${user}` }));
  });

  test(`${balance}: by the address that the client connects from, over HTTP/2 and HTTP/1.1`, async (t) => {
    const { plane, instances } = await setUp(t, { settings: { balance, hashOn: { kind: 'source' } } });
    const found = new Map<string, number>();
    for (let client = 1; client <= 12; client++) {
      const from = `127.0.0.${client}`;
      for (let connection = 0; connection < 2; connection++) {
        const app = await startApp(t, plane, { from });
        const owner = (await calls(t, app, instances, 2)).indexOf(2);
        t.not(owner, -1, `${from} is torn apart`);
        t.is(found.get(from) ?? owner, owner);
        found.set(from, owner);
      }
    }
    t.true(new Set(found.values()).size > 1);
    const before = instances.map(({ requests }) => requests.length);
    for (let i = 0; i < 3; i++) await ask(plane.address, 's');
    const counts = instances.map(({ requests }, index) => requests.length - (before[index] as number));
    t.is(counts[found.get('127.0.0.1') as number], 3, String(counts));
  });

  test(`${balance}: requests without what is hashed are spread by chance`, async (t) => {
    const { instances, app } = await setUp(t, { settings: { balance, hashOn: { kind: 'header', name: 'x-user' } } });
    const counts = await calls(t, app, instances, 100);
    t.true(Math.min(...counts) > 5, String(counts));
  });
}

test('orca: shares follow what instances report, in trailers or trailers-only, binary or text, and reports are passed on', async (t) => {
  const report = (index: number): string[] => {
    const [cpuUtilization, qps] = [[0.9, 0.3, 0.3, 0.45][index] as number, 90];
    if (index % 2 === 0) return ['endpoint-load-metrics-bin', binaryReport({ cpuUtilization, rpsFractional: qps })];
    return ['endpoint-load-metrics', `TEXT cpu_utilization=${cpuUtilization},rps_fractional=${qps}`];
  };
  const { plane, instances, app } = await setUp(t, {
    settings: { balance: 'orca' },
    instance: () => ({
      ended(request) {
        const index = instances.findIndex(({ requests }) => requests.includes(request));
        const trailers = ['grpc-status', '0', ...report(index)];
        if (index < 2)
          return request.headers([':status', '200', 'content-type', 'application/grpc', ...trailers], true);
        request.headers([':status', '200', 'content-type', 'application/grpc']);
        request.end(trailers);
      },
    }),
  });
  const first = app.call('s');
  await first.ended();
  t.truthy(first.field('endpoint-load-metrics-bin') ?? first.field('endpoint-load-metrics'));
  t.deepEqual(await calls(t, app, instances, 40), [10, 10, 10, 10], 'nothing is believed for ten seconds');
  plane.skip(11_000);
  await calls(t, app, instances, 4);
  const found = await calls(t, app, instances, 110);
  // 90 / utilization: 100, 300, 300, 200.
  for (const [index, expected] of [12, 37, 37, 24].entries()) {
    t.true(Math.abs((found[index] as number) - expected) <= 2, String(found));
  }
});

test('slow start, zones and weight 0 hold in a running plane', async (t) => {
  const slowStart = { window: 60_000, aggression: 1, minimum: 0.1 };
  const settings: ServiceOptions = { balance: 'round_robin', slowStart, zone: { prefer: 0.5 } };
  const { plane, instances, registered, app } = await setUp(t, {
    count: 5,
    zone: 'here',
    settings,
    record: (index) => ({ zone: index < 4 ? 'here' : 'there', weight: index === 3 ? 0 : 1 }),
  });
  const even = await calls(t, app, instances, 30);
  t.deepEqual(even, [10, 10, 10, 0, 0]);
  plane.skip(60_000);
  // One comes back later than the others: it starts gently.
  plane.tell('s', registered.slice(1), settings);
  await plane.serve('s', registered, settings);
  const gently = await calls(t, app, instances, 210);
  t.true((gently[0] as number) < 40, String(gently));
  plane.skip(61_000);
  t.deepEqual(await calls(t, app, instances, 30), [10, 10, 10, 0, 0]);
});

test('a policy of the user’s own: loaded beside the first calls, again when told to, and round robin for what it does wrong', async (t) => {
  const path = join(temporaryDirectory(), 'policy.mjs') as ModulePath;
  const write = (text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  write('export default () => ({ pick: () => 1 })');
  const { plane, instances, counters, app } = await setUp(t, {
    count: 3,
    settings: { balance: path },
  });
  t.deepEqual(await calls(t, app, instances, 9), [3, 3, 3]);
  plane.data.receive({ kind: 'policy_module', module: { path, revision: 1 } });
  await eventually(() => plane.said('log').some(({ message }) => message.includes('is loaded')));
  t.deepEqual(await calls(t, app, instances, 10), [0, 10, 0]);
  t.is(counters.policyFaults, 0);

  write('let n = 0; export default () => ({ pick() { if (n++ % 2) throw new Error("every other time"); return 2; } })');
  plane.data.receive({ kind: 'policy_module', module: { path, revision: 2 } });
  await eventually(() => plane.said('log').filter(({ message }) => message.includes('is loaded')).length === 2);
  const found = await calls(t, app, instances, 12);
  t.is((found[2] as number) >= 6 && found.reduce((a, b) => a + b, 0) === 12, true, String(found));
  t.is(counters.policyFaults, 6);
  const told = plane.said('log').filter(({ message }) => message.includes('every other time'));
  t.is(told.length, 1);

  write('export default 5');
  plane.data.receive({ kind: 'policy_module', module: { path, revision: 3 } });
  await eventually(() => counters.policyFaults === 7);
  t.is(((await calls(t, app, instances, 12))[2] as number) >= 6, true, 'what was loaded before stays');
});
