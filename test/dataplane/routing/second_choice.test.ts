import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { type Plane, type PlaneOptions, startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';

const MADE_UP = 'api.example';
const NOT_THERE = 'it is not there';

/** Names are looked up, and what they do not lead to goes to the service `home`. */
async function setUp(t: ExecutionContext, options: PlaneOptions = {}) {
  const plane = await startPlane(t, { discover: true, defaultService: 'home', ...options });
  const home = await startInstance(t);
  const counters = await plane.serve('home', [home]);
  const app = await startApp(t, plane);
  /** The registry was asked for `name`, so many times until now. */
  const asked = (name: string, times = 1): Promise<unknown> =>
    eventually(() => plane.said('wanted').filter(({ service }) => service === name).length === times);
  return { plane, home, app, counters, asked };
}

interface Answer {
  readonly what: string;
  /** What is refused is not remembered by the data plane: a later request asks again. */
  readonly asksAgain: boolean;
  readonly answer: (plane: Plane, name: string) => void;
}

/** The two answers that there are for a name that is not in the registry. */
const ANSWERS: readonly Answer[] = [
  {
    what: 'that the registry does not know',
    asksAgain: false,
    answer: (plane, name) => void plane.tell(name, []),
  },
  {
    what: 'that discovery refuses',
    asksAgain: true,
    answer: (plane, name) => plane.data.receive({ kind: 'service_gone', name, why: NOT_THERE }),
  },
];

for (const { what, asksAgain, answer } of ANSWERS) {
  test(`the first request for a name ${what} goes to the default service, like later ones`, async (t) => {
    const { plane, home, app, counters, asked } = await setUp(t);
    const early = [app.call(MADE_UP), app.call(`${MADE_UP}:80`), app.call(MADE_UP, { body: Buffer.alloc(50_000, 7) })];
    await asked(MADE_UP);
    t.is(home.requests.length, 0);
    answer(plane, MADE_UP);
    for (const call of early) t.is(await call.ended(), '0');
    const later = app.call(MADE_UP);
    if (asksAgain) {
      await asked(MADE_UP, 2);
      answer(plane, MADE_UP);
    }
    t.is(await later.ended(), '0');
    t.is(home.requests.length, 4);
    t.is(home.requests.find(({ body }) => body.length > 0)?.body.length, 50_000);
    await eventually(() => counters.requests['2xx 0'] === 4);
    t.deepEqual([counters.inFlight, counters.pending], [0, 0]);
    t.is(plane.data.get(MADE_UP)?.inFlight ?? 0, 0);
  });

  test(`without a default service, a request for a name ${what} is told so`, async (t) => {
    const plane = await startPlane(t, { discover: true });
    const app = await startApp(t, plane);
    const [call, plain] = [app.call(MADE_UP), app.call(MADE_UP, { grpc: false })];
    await eventually(() => plane.said('wanted').length > 0);
    answer(plane, MADE_UP);
    t.is(await call.ended(), '14 no_instance');
    t.is(await plain.ended(), '503 no_instance');
    t.true(
      call.message === NOT_THERE || call.message.startsWith(`service "${MADE_UP}" has no instances`),
      call.message,
    );
  });

  test(`a name ${what} that a request names outright is not replaced by the default service, neither at first nor later`, async (t) => {
    const { plane, home, app, asked } = await setUp(t, {
      routes: [{ path: '/routed', host: null, service: 'routed' }],
    });
    const explicit = { headers: ['x-outrigger-service', 'outright'] };
    const routed = { path: '/routed/x' };
    const first = [app.call(MADE_UP, explicit), app.call(MADE_UP, routed)];
    for (const name of ['outright', 'routed']) {
      await asked(name);
      answer(plane, name);
    }
    for (const call of first) t.is(await call.ended(), '14 no_instance');
    const later = [app.call(MADE_UP, explicit), app.call(MADE_UP, routed)];
    for (const name of ['outright', 'routed']) {
      if (!asksAgain) continue;
      await asked(name, 2);
      answer(plane, name);
    }
    for (const call of later) t.is(await call.ended(), '14 no_instance');
    t.is(home.requests.length, 0);
  });
}

test('a name that turns out to be a service with instances is served by them', async (t) => {
  const { plane, home, app, asked } = await setUp(t);
  const found = await startInstance(t);
  const call = app.call('found');
  await asked('found');
  plane.tell('found', [found]);
  t.is(await call.ended(), '0');
  t.is(await app.call('found').ended(), '0');
  t.deepEqual([found.requests.length, home.requests.length], [2, 0]);
  // When its last instance leaves, the default service is the answer again; and not when one is there.
  plane.tell('found', []);
  t.is(await app.call('found').ended(), '0');
  t.is(home.requests.length, 1);
  await plane.serve('found', [found]);
  t.is(await app.call('found').ended(), '0');
  t.is(found.requests.length, 3);
});

test('requests that wait for a full instance when it leaves go to the default service', async (t) => {
  const { plane, home, app } = await setUp(t);
  const full = await startInstance(t, { begun() {}, limits: { maxConcurrentStreams: 1 } });
  const counters = await plane.serve('found', [full], { limits: { connectionsPerInstance: 1 } });
  const [running, waiting] = [app.call('found'), app.call('found')];
  await eventually(() => counters.pending === 1 && full.requests.length === 1);
  plane.tell('found', []);
  t.is(await waiting.ended(), '0');
  t.is(home.requests.length, 1);
  full.requests[0]?.ok();
  t.is(await running.ended(), '0');
});

test('a name is asked for once, however many requests wait for it', async (t) => {
  const { plane, app, asked } = await setUp(t);
  const calls = Array.from({ length: 20 }, () => app.call(MADE_UP));
  await asked(MADE_UP);
  plane.tell(MADE_UP, []);
  for (const call of calls) t.is(await call.ended(), '0');
  t.is(plane.said('wanted').length, 1);
});

test('the default service’s own timeout and limits hold for a request that comes to it as its second choice', async (t) => {
  const { plane, home, app, asked } = await setUp(t);
  plane.tell('home', [home], { timeout: 5_000 });
  const [first] = [app.call(MADE_UP)];
  await asked(MADE_UP);
  plane.tell(MADE_UP, []);
  t.is(await first.ended(), '0');
  await app.call(MADE_UP).ended();
  const seen = home.requests.map((request) => request.values('grpc-timeout').length);
  t.deepEqual(seen, [1, 1]);
});
