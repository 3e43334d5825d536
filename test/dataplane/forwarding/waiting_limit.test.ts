import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { type Registered, type ServiceOptions, startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';

/** How long a request waits for an instance when nothing else bounds it, in milliseconds. */
const WAIT_LIMIT = 6_000;
const SPARE = 3_000;
const ONE = { limits: { connectionsPerInstance: 1 } } satisfies ServiceOptions;

/** An instance that is busy with a request for ever, and another request that waits for it. */
async function waiting(t: ExecutionContext, headers: readonly string[] = []) {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {}, limits: { maxConcurrentStreams: 1 } });
  const set: Registered[] = [{ address: instance.address, version: 'v1' }];
  const counters = await plane.serve('shop', set, ONE);
  const app = await startApp(t, plane);
  app.call('shop');
  const call = app.call('shop', { headers });
  await eventually(() => counters.pending === 1 && instance.requests.length === 1);
  return { plane, instance, set, counters, app, call };
}

test('a request waits for a free stream no longer than the limit', async (t) => {
  const { plane, call, counters } = await waiting(t);
  plane.skip(WAIT_LIMIT - SPARE);
  // Everything that is due by now has been done when a call is answered.
  await eventually(() => plane.data.deadlines.size === 1);
  t.false(call.over);
  plane.skip(SPARE);
  t.is(await call.ended(), '14 no_healthy');
  t.is(call.message, 'service "shop": no instance had a free stream within 6000 ms (limits.pending_timeout)');
  t.is(counters.pending, 0);
});

test('the limit does not start anew when the set changes, or is confirmed, however often', async (t) => {
  const { plane, set, call } = await waiting(t);
  for (let quarter = 1; quarter <= 4; quarter++) {
    t.false(call.over, `after ${quarter - 1} quarters`);
    plane.skip(WAIT_LIMIT / 4);
    const others = quarter % 2 === 0 ? [] : [{ address: '127.0.0.1:1', version: `v${quarter + 1}` }];
    plane.tell('shop', [...set, ...others], ONE);
  }
  // A second instance that is being dialed in vain may be the reason by now; the wait is over anyway.
  t.is(await call.ended(), '14 no_healthy');
});

test('nor when the registry’s first answer leads to instances that are full', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {}, limits: { maxConcurrentStreams: 1 } });
  const counters = plane.tell('shop', [], { ...ONE, known: false });
  const app = await startApp(t, plane);
  const calls = [app.call('shop'), app.call('shop')];
  await eventually(() => counters.pending === 2);
  plane.skip(WAIT_LIMIT / 2);
  await plane.serve('shop', [instance], ONE);
  await eventually(() => counters.pending === 1);
  plane.skip(WAIT_LIMIT / 2);
  await eventually(() => calls.some(({ over }) => over));
  t.deepEqual(
    calls.map((call) => call.outcome),
    ['reset null', '14 no_healthy'],
  );
});

test('nor when the service that it waited for is replaced by the default service', async (t) => {
  const plane = await startPlane(t, { discover: true, defaultService: 'home' });
  const instance = await startInstance(t, { begun() {}, limits: { maxConcurrentStreams: 1 } });
  const counters = await plane.serve('home', [instance], ONE);
  const app = await startApp(t, plane);
  app.call('home');
  const call = app.call('made.up');
  await eventually(() => plane.said('wanted').length === 1);
  plane.skip(WAIT_LIMIT / 2);
  plane.tell('made.up', []);
  await eventually(() => counters.pending === 1);
  plane.skip(WAIT_LIMIT / 2);
  t.is(await call.ended(), '14 no_healthy');
  t.deepEqual([counters.pending, counters.inFlight], [0, 1]);
});

test('while the registry has not answered, it says so', async (t) => {
  const plane = await startPlane(t);
  const counters = plane.tell('shop', [], { known: false });
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => counters.pending === 1);
  plane.skip(WAIT_LIMIT);
  t.is(await call.ended(), '14 no_instance');
  t.regex(call.message, /^service "shop".* registry "main".* has not answered/);
});

test('a deadline that comes first ends the wait, one that comes later does not make it longer', async (t) => {
  const soon = await waiting(t, ['grpc-timeout', '2S']);
  soon.plane.skip(2_000);
  t.is(await soon.call.ended(), '4 deadline');
  t.regex(
    soon.call.message,
    /^the client's deadline passed after 2\d{3} ms, waiting for an instance of service "shop"/,
  );
  const late = await waiting(t, ['grpc-timeout', '1M']);
  late.plane.skip(WAIT_LIMIT);
  t.is(await late.call.ended(), '14 no_healthy');
});

test('a request that has been sent is not bound by the limit on waiting', async (t) => {
  const { plane, instance, call, app } = await waiting(t);
  instance.requests[0]?.ok();
  await eventually(() => instance.requests.length === 2);
  plane.skip(10 * WAIT_LIMIT);
  await eventually(() => plane.data.deadlines.size === 0);
  instance.requests[1]?.ok();
  t.is(await call.ended(), '0');
  t.deepEqual(app.owner.tokens, []);
});

test('beyond limits.pending a request does not wait, beyond limits.requests it is not taken on: each says which', async (t) => {
  const { plane, set, app, counters } = await waiting(t);
  plane.tell('shop', set, { limits: { connectionsPerInstance: 1, pending: 1 } });
  const third = app.call('shop');
  t.is(await third.ended(), '14 overloaded');
  t.regex(third.message, /1 requests waiting for an instance, which is the limit \(limits\.pending\)$/);
  plane.tell('shop', set, { limits: { connectionsPerInstance: 1, requests: 2 } });
  const fourth = app.call('shop');
  t.is(await fourth.ended(), '14 overloaded');
  t.regex(fourth.message, /2 requests in flight, which is the limit \(limits\.requests\)$/);
  t.is(counters.rejected('overloaded'), 2);
  t.is(counters.inFlight, 2);
});
