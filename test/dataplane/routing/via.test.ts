import test from 'ava';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';

const VIA = '2 outrigger';

test('a request that goes in a circle of sidecars ends after ten, and says so', async (t) => {
  const plane = await startPlane(t);
  const counters = await plane.serve('shop', [plane]);
  const app = await startApp(t, plane);
  const call = app.call('shop');
  t.is(await call.ended(), '12 no_route');
  t.is(
    call.message,
    'a request for service "shop" has been through 10 sidecars ("via"): it goes in a circle, look at the addresses registered for it',
  );
  const plain = app.call('shop', { grpc: false });
  t.is(await plain.ended(), '404 no_route');
  t.is(counters.rejected('no_route'), 2);
  // Ten that were forwarded and the eleventh that was not, twice.
  t.is(counters.attempts(plane.address).ok, 20);
  t.deepEqual([counters.inFlight, counters.upstreamInFlight], [0, 0]);
});

test('two sidecars that have each other registered are a circle, too', async (t) => {
  const [one, two] = [await startPlane(t), await startPlane(t)];
  await one.serve('shop', [two]);
  await two.serve('shop', [one]);
  const app = await startApp(t, one);
  t.is(await app.call('shop').ended(), '12 no_route');
});

for (const [what, given, seen] of [
  ['is added', [], [VIA]],
  ['follows what other proxies added', ['via', '1.1 edge'], ['1.1 edge', VIA]],
  ['follows several of them, in one field or in more', ['via', '1.1 a, 2 b', 'via', VIA], ['1.1 a, 2 b', VIA, VIA]],
] as const) {
  test(`our \`via\` ${what} (RFC 9110 section 7.6.3)`, async (t) => {
    const plane = await startPlane(t);
    const instance = await startInstance(t);
    await plane.serve('shop', [instance]);
    const app = await startApp(t, plane);
    t.is(await app.call('shop', { headers: given }).ended(), '0');
    t.deepEqual(instance.requests[0]?.values('via'), [...seen]);
  });
}

test('only our own hops are counted, wherever they stand', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t);
  await plane.serve('shop', [instance]);
  const app = await startApp(t, plane);
  const others = ['via', Array.from({ length: 30 }, (_, i) => `1.1 outrigger${i}`).join(', ')];
  const nine = ['via', Array.from({ length: 9 }, () => VIA).join(' ,')];
  t.is(await app.call('shop', { headers: [...others, ...nine] }).ended(), '0');
  t.is(await app.call('shop', { headers: [...nine, ...others, 'via', VIA] }).ended(), '12 no_route');
});

test('the header that names the service is for us and is not forwarded; all others are, in order', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t);
  await plane.serve('shop', [instance]);
  const app = await startApp(t, plane);
  const headers = ['x-a', '1', 'x-outrigger-service', 'shop', 'x-version-not', 'v1', 'x-a', '2'];
  t.is(await app.call('whatever', { headers }).ended(), '0');
  const [request] = instance.requests;
  t.deepEqual(request?.values('x-outrigger-service'), []);
  t.deepEqual(request?.values('x-a'), ['1', '2']);
  t.deepEqual(request?.list.fields.slice(-8), ['x-a', '1', 'x-version-not', 'v1', 'x-a', '2', 'via', VIA]);
});
