import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectEcho, type EchoClient, type Outcome, type Pairs } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { type Sidecar, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const LONG = 60_000;
const METHOD = '/outrigger.test.Echo/Unary';
const DEBUG: Pairs = [['x-outrigger-debug', '1']];
const NEEDS = { a2: { needed: 'v3' } };

const servers: GrpcServer[] = [];
const sidecars: Sidecar[] = [];
const clients = new Map<string, EchoClient>();
let sidecar: Sidecar;

/** Instances of these versions (or with more keys), each a server of its own, in order. */
function instances(...found: (string | object)[]): object[] {
  return found.map((keys, index) => ({
    address: (servers[index] as GrpcServer).address,
    ...(typeof keys === 'string' ? { version: keys } : keys),
  }));
}

function services(): Record<string, object> {
  const ofThree = (keys: object) => ({ registry: 'here', instances: instances('v1', 'v2', 'v3'), ...keys });
  const health = { health: { grpc: '', interval: '200ms', rise: 1, fall: 1 }, panic_threshold: '0%' };
  const ill = instances('v1', 'v2', { version: 'v3', address: (servers[3] as GrpcServer).address });
  const label = (name: string) => ({ header: `x-${name}`, label: name });
  return {
    plain: ofThree({}),
    ranges: { registry: 'here', instances: instances('v1.2.0', '1.4.1', '2.0') },
    canary: ofThree({ version: { weights: { v1: 90, v2: 10, v9: 1000 } } }),
    sticky: ofThree({ version: { weights: { v1: 50, v2: 50 }, sticky: { header: 'x-user' } } }),
    cookie: ofThree({ version: { weights: { v1: 50, v2: 50 }, sticky: { cookie: 'session' } } }),
    fallback: ofThree({ version: { fallback: ['v8', 'v2'] } }),
    ill: { ...ofThree(health), instances: ill },
    spared: { ...ofThree({ ...health, version: { unhealthy_fallback: ['v8', 'v1'] } }), instances: ill },
    methods: ofThree({
      version: { default: 'v1' },
      methods: { [METHOD]: { version: 'v3', balance: 'least_request' } },
    }),
    hasty: ofThree({ methods: { [METHOD]: { timeout: '100ms' } } }),
    needed: ofThree({ version: { default: 'v1' } }),
    mirrored: ofThree({ version: { default: 'v1' }, mirror: { version: 'v2', share: '100%' } }),
    regions: { registry: 'records', match: label('region') },
    lenient: { registry: 'records', match: { ...label('region'), fallback: 'any' } },
    ordered: {
      registry: 'records',
      match: [label('stage'), label('idc'), label('zone')],
      match_order: [['stage', 'idc', 'zone'], ['stage', 'zone'], ['stage']],
    },
    switched: { registry: 'records' },
    limited: { registry: 'records' },
  };
}

/** A file of instances with labels, and of records as libraries write them: hwholiday's, and our own, with a weight beside the node. */
function records(): string {
  const record = (index: number, endpoints: object, keys: object = {}) => ({
    node: {
      name: 'n',
      path: '/a',
      id: `${index}`,
      version: `r${index}`,
      address: (servers[index] as GrpcServer).address,
    },
    metadata: {},
    endpoints,
    ...keys,
  });
  const limit = { Unary: { online: true, limiting: 2, limiting_switch: true } };
  const region = (name: string) => ({ version: name, metadata: { region: name } });
  const all = {
    regions: instances(region('eu'), region('us')),
    lenient: instances(region('eu')),
    ordered: instances(
      { version: 'abz', zone: 'z', metadata: { stage: 'a', idc: 'b' } },
      { version: 'az', zone: 'z', metadata: { stage: 'a', idc: 'x' } },
      { version: 'a', zone: 'y', metadata: { stage: 'a', idc: 'x' } },
    ),
    switched: [
      record(0, { Unary: { online: false } }),
      record(1, {}),
      record(2, { Unary: { online: false } }, { weight: 1 }),
    ],
    limited: [record(0, limit), record(1, limit, { weight: 1 })],
  };
  const file = join(temporaryDirectory(), 'instances.yaml');
  writeFileSync(file, JSON.stringify({ services: all }));
  return file;
}

test.before(async () => {
  for (const name of ['a', 'b', 'c', 'ill']) servers.push(await startGrpcServer({ name }));
  servers[3]?.health(false);
  const all = services();
  const registries = { here: { type: 'static' }, records: { type: 'file', path: records() } };
  sidecar = await startSidecar({ registries, services: all, app: { version: 'a2' }, needs: NEEDS });
  sidecars.push(sidecar);
  const unhealthy = new Set(['ill', 'spared']);
  const counts: Record<string, number> = { regions: 2, lenient: 1, limited: 2 };
  for (const name of Object.keys(all)) if (!unhealthy.has(name)) await sidecar.untilReady(name, counts[name] ?? 3);
  for (const name of unhealthy) {
    await eventually(async () => {
      const states = ((await sidecar.service(name))?.instances ?? []).map(({ state }) => state).sort();
      return states.join() === 'ready,ready,unhealthy';
    }, LONG);
  }
});

test.after.always(async () => {
  for (const client of clients.values()) client.close();
  for (const one of sidecars) await one.kill();
  for (const server of servers) server.stop();
});

function clientOf(service: string, address = sidecar.address): EchoClient {
  const key = `${service} ${address}`;
  const client = clients.get(key) ?? connectEcho(address, service);
  clients.set(key, client);
  return client;
}

/** The version that answered, or the reason of the error and its message. */
function told(outcome: Outcome): string {
  if (outcome.code === 0) return String(outcome.headers?.get('x-outrigger-version')[0]);
  return `${outcome.trailers.get('x-outrigger-reason')[0]}: ${outcome.details}`;
}

async function ask(service: string, metadata: Pairs = [], address?: string): Promise<string> {
  return told(await clientOf(service, address).unary('x', { metadata: [...DEBUG, ...metadata], deadlineMs: LONG }));
}

/** The same by another method than `METHOD`. */
async function askElse(service: string): Promise<string> {
  return told(await clientOf(service).clientStream(['x'], { metadata: DEBUG, deadlineMs: LONG }));
}

async function many(calls: number, one: (call: number) => Promise<string>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const answer of await Promise.all(Array.from({ length: calls }, (_, call) => one(call))))
    counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}

test.serial('lists, *, and versions that nobody has', async (t) => {
  t.is(await ask('plain', [['x-version', 'v9, v3, v1']]), 'v3');
  t.is(await ask('plain', [['x-version', 'v2,v3']]), 'v2');
  t.deepEqual(await many(9, () => ask('plain', [['x-version', '*']])), { v1: 3, v2: 3, v3: 3 });
  t.regex(await ask('plain', [['x-version', 'v9, v8']]), /^no_version: no match found conn: .*\(v1: 1, v2: 1, v3: 1\)/);
});

test.serial('ranges of semantic versions', async (t) => {
  t.deepEqual(await many(8, () => ask('ranges', [['x-version', '^1.2']])), { 'v1.2.0': 4, '1.4.1': 4 });
  t.is(await ask('ranges', [['x-version', '>=2']]), '2.0');
  t.is(await ask('ranges', [['x-version', '^3, ~1.4.0']]), '1.4.1');
  t.regex(await ask('ranges', [['x-version', '^7']]), /^no_version: /);
});

test.serial('a version header of 10 KB: a short error, which is counted', async (t) => {
  const answer = await ask('plain', [['x-version', 'v'.repeat(10_000)]]);
  t.regex(answer, /^no_version: /);
  t.true(answer.length < 500);
  const text = await (await fetch(`${sidecar.telemetry}/metrics`)).text();
  const counted = text.split('\n').filter((line) => /service="plain".*no_version/.test(line));
  t.true(
    counted.some((line) => Number(line.split(' ').at(-1)) > 0),
    'counted by its reason',
  );
});

test.serial('weights share out requests that name no version; one that nobody has gets none', async (t) => {
  const calls = 600;
  const { v1 = 0, v2 = 0, ...others } = await many(calls, () => ask('canary'));
  t.deepEqual(others, {});
  t.is(v1 + v2, calls);
  // Six standard deviations of a binomial with p = 0.1.
  t.true(Math.abs(v2 - calls * 0.1) < 6 * Math.sqrt(calls * 0.09), `${v2} of ${calls}`);
  t.is(await ask('canary', [['x-version', 'v3']]), 'v3');
});

for (const [service, key] of [
  ['sticky', (user: number): Pairs => [['x-user', `user-${user}`]]],
  ['cookie', (user: number): Pairs => [['cookie', `a=b; session=${user}`]]],
] as const) {
  test.serial(
    `weights: who is the same by ${service === 'sticky' ? 'a header' : 'a cookie'} stays with a version`,
    async (t) => {
      const seen = new Set<string>();
      for (let user = 0; user < 24; user++) {
        const versions = Object.keys(await many(3, () => ask(service, key(user))));
        t.is(versions.length, 1, `user ${user}`);
        seen.add(versions[0] as string);
      }
      t.deepEqual([...seen].sort(), ['v1', 'v2']);
    },
  );
}

test.serial(
  'a version that nobody has, and one whose instances are all unhealthy: each has its fallback, or its error',
  async (t) => {
    t.is(await ask('fallback', [['x-version', 'v9']]), 'v2');
    t.is(await ask('fallback', [['x-version', 'v3']]), 'v3');
    t.regex(await ask('ill', [['x-version', 'v3']]), /^no_healthy: /);
    t.regex(await ask('ill', [['x-version', 'v9']]), /^no_version: /);
    t.is(await ask('spared', [['x-version', 'v3']]), 'v1');
    t.regex(await ask('spared', [['x-version', 'v9']]), /^no_version: /);
  },
);

test.serial('a method has a version and a timeout of its own', async (t) => {
  t.is(await ask('methods'), 'v3');
  t.is(await askElse('methods'), 'v1');
  t.is(await ask('methods', [['x-version', 'v2']]), 'v2');
  const slow: Pairs = [['echo-sleep-ms', '30000']];
  const outcome = await clientOf('hasty').unary('x', { metadata: slow, deadlineMs: LONG });
  t.is(outcome.code, 4, outcome.details);
});

test.serial('labels are matched like the version, and given up in the order that the config says', async (t) => {
  t.deepEqual(await many(4, () => ask('regions', [['x-region', 'us']])), { us: 4 });
  t.deepEqual(await many(4, () => ask('regions')), { eu: 2, us: 2 });
  t.regex(await ask('regions', [['x-region', 'mars']]), /^no_version: .*region "mars"/);
  t.is(await ask('lenient', [['x-region', 'mars']]), 'eu');
  const wish = (stage: string, idc: string, zone: string): Pairs => [
    ['x-stage', stage],
    ['x-idc', idc],
    ['x-zone', zone],
  ];
  t.is(await ask('ordered', wish('a', 'b', 'z')), 'abz');
  t.is(await ask('ordered', wish('a', 'x', 'z')), 'az');
  t.is(await ask('ordered', wish('a', 'b', 'y')), 'a');
  t.regex(await ask('ordered', wish('q', 'b', 'z')), /^no_version: /);
});

test.serial('a method that records switch off goes to the instances that have it', async (t) => {
  t.deepEqual(await many(6, () => ask('switched')), { r1: 6 });
  t.deepEqual(await many(6, () => askElse('switched')), { r0: 2, r1: 2, r2: 2 });
  t.regex(await ask('switched', [['x-version', 'r0']]), /^no_version: .*that serves this method/);
});

test.serial('a rate that records give a method holds for it, and for no other', async (t) => {
  const counts = await many(60, () => ask('limited'));
  const served = (counts.r0 ?? 0) + (counts.r1 ?? 0);
  const refused = Object.keys(counts).filter((answer) => /^overloaded: .*rate of method "Unary"/.test(answer));
  t.true(served >= 4 && served < 60, JSON.stringify(counts));
  t.is(refused.length, 1, JSON.stringify(counts));
  t.deepEqual(await many(20, () => askElse('limited')), { r0: 10, r1: 10 });
});

test.serial('copies of requests go to the version of the mirror, and answers come from the other', async (t) => {
  const id = 'mirrored';
  const counts = await many(10, () => ask('mirrored', [['echo-id', id]]));
  t.deepEqual(counts, { v1: 10 });
  t.is(servers[0]?.seen(id).started, 10);
  await eventually(() => servers[1]?.seen(id).started === 10, LONG);
  t.is(servers[2]?.seen(id).started, 0);
});

/** What `needs` says holds for the app, however its version is known. */
async function needsHold(t: ExecutionContext, one: Sidecar): Promise<void> {
  t.deepEqual(await many(4, () => ask('needed', [], one.address)), { v3: 4 });
  t.is(await ask('needed', [['x-version', 'v2']], one.address), 'v2', 'a header goes before it');
}

test.serial('needs: an app that sets no header gets the version that its own version may call', async (t) => {
  await needsHold(t, sidecar);
  t.deepEqual(await many(3, () => ask('plain')), { v1: 1, v2: 1, v3: 1 });
});

test.serial('needs: the version of the app is that of `register`, if nothing else says it', async (t) => {
  // Nobody answers there: what the app needs does not wait for its registration.
  const registries = { here: { type: 'static' }, away: { type: 'etcd', endpoints: ['http://127.0.0.1:1'] } };
  const { needed } = services();
  const register = (version: string) => [{ service: 'app', registry: 'away', port: 1, version }];
  const start = async (version: string) => {
    const one = await startSidecar({ registries, services: { needed }, needs: NEEDS, register: register(version) });
    sidecars.push(one);
    await one.untilReady('needed', 3);
    return one;
  };
  await needsHold(t, await start('a2'));
  const other = await start('a1');
  t.deepEqual(await many(4, () => ask('needed', [], other.address)), { v1: 4 }, 'a1 needs nothing in particular');
});
