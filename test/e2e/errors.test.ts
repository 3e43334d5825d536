import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { connectEcho, type EchoClient, type Outcome } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

let server: GrpcServer;
let sidecar: Sidecar;
let closedPort: number;
const clients: EchoClient[] = [];

test.before(async () => {
  server = await startGrpcServer({ streams: 2 });
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  closedPort = (probe.address() as { port: number }).port;
  probe.close();
  const instances = [{ address: server.address, version: 'v1' }];
  sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: {
      hasty: { registry: 'here', instances, timeout: '300ms' },
      small: { registry: 'here', instances, limits: { requests: 2 } },
      narrow: { registry: 'here', instances, limits: { requests: 100, pending: 1, connections_per_instance: 1 } },
      dead: { registry: 'here', instances: [{ address: `127.0.0.1:${closedPort}` }] },
      half: { registry: 'here', instances: [...instances, { address: `127.0.0.1:${closedPort}` }] },
    },
  });
  for (const name of ['hasty', 'small', 'narrow']) await sidecar.untilReady(name, 1);
});

test.after.always(async () => {
  for (const client of clients) client.close();
  await sidecar?.kill();
  server?.stop();
});

function client(service: string): EchoClient {
  const made = connectEcho(sidecar.address, service);
  clients.push(made);
  return made;
}

const reason = (outcome: Outcome) => outcome.trailers.get('x-outrigger-reason')[0];
const sleeping = (id: string) =>
  [
    ['echo-sleep-ms', '20000'],
    ['echo-id', id],
  ] as const;

test("the service's timeout ends a call with status 4, and the instance sees it end", async (t) => {
  const outcome = await client('hasty').unary('x', { metadata: sleeping('hasty') });
  t.is(outcome.code, 4);
  // The instance was told the same deadline: whoever notices it first answers, and only the sidecar gives a reason.
  t.true([undefined, 'deadline'].includes(reason(outcome) as string | undefined), String(reason(outcome)));
  await eventually(() => server.seen('hasty').cancelled === 1);
});

test('a call that is faster than the timeout succeeds', async (t) => {
  t.is((await client('hasty').unary('x')).code, 0);
});

test('beyond limits.requests a call fails at once, naming the limit; when one ends there is room again', async (t) => {
  const small = client('small');
  const held: (() => void)[] = [];
  const holding = [1, 2].map((i) =>
    small.unary('x', { metadata: sleeping(`small ${i}`), onCall: (call) => held.push(() => call.cancel()) }),
  );
  await eventually(() => server.seen('small 1').started + server.seen('small 2').started === 2);
  const outcome = await small.unary('x');
  t.is(outcome.code, 14);
  t.is(reason(outcome), 'overloaded');
  t.regex(outcome.details, /\b2\b/);
  for (const cancel of held) cancel();
  await Promise.all(holding);
  await eventually(async () => (await small.unary('x')).code === 0);
});

test('beyond limits.pending a call fails at once instead of waiting without end', async (t) => {
  const narrow = client('narrow');
  const held: (() => void)[] = [];
  const calls = [1, 2, 3, 4, 5].map((i) =>
    narrow.unary('x', { metadata: sleeping(`narrow ${i}`), onCall: (call) => held.push(() => call.cancel()) }),
  );
  // Two are under way, one waits, two are turned away.
  let turnedAway = 0;
  for (const call of calls) {
    void call.then((outcome) => {
      if (outcome.code === 14 && reason(outcome) === 'overloaded') turnedAway++;
    });
  }
  await eventually(() => turnedAway === 2);
  for (const cancel of held) cancel();
  await Promise.all(calls);
  t.is(turnedAway, 2);
});

test('an instance that cannot be reached is named, with what happened', async (t) => {
  const outcome = await client('dead').unary('x', { deadlineMs: 30_000 });
  t.is(outcome.code, 14);
  t.true(['connect_failed', 'no_healthy'].includes(String(reason(outcome))), String(reason(outcome)));
  t.true(outcome.details.includes(`127.0.0.1:${closedPort}`), outcome.details);
  t.regex(outcome.details, /refused/i);
});

test('an instance that cannot be reached costs no call while another is there', async (t) => {
  const half = client('half');
  const outcomes = await Promise.all(Array.from({ length: 40 }, () => half.unary('x', { deadlineMs: 30_000 })));
  t.deepEqual(
    outcomes.filter((outcome) => outcome.code !== 0).map((outcome) => outcome.details),
    [],
  );
});
