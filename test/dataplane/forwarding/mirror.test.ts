import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { serviceSettings } from '../../support/service_settings.ts';

const { mirror, version } = serviceSettings({
  version: { default: 'v1' },
  mirror: { version: 'v2', share: '100%' },
});

test('a copy goes to the other version, whole, and its answer to nobody', async (t) => {
  const plane = await startPlane(t);
  const [v1, v2] = [await startInstance(t), await startInstance(t, { begun: (request) => request.reset(2) })];
  const counters = await plane.serve(
    'shop',
    [
      { address: v1.address, version: 'v1' },
      { address: v2.address, version: 'v2' },
    ],
    { mirror, version },
  );
  const app = await startApp(t, plane);
  for (let i = 0; i < 3; i++) t.is(await app.call('shop', { body: Buffer.from(`body ${i}`) }).ended(), '0');
  await eventually(() => v2.requests.length === 3);
  t.is(v1.requests.length, 3);
  await eventually(() => counters.upstreamInFlight === 0);
  t.deepEqual(counters.requests, { '2xx 0': 3 });
});

test('a copy that is never answered delays nobody, and there are only so many of them', async (t) => {
  const plane = await startPlane(t);
  const bodies: string[] = [];
  const v1 = await startInstance(t);
  const v2 = await startInstance(t, { begun() {}, ended: (request) => bodies.push(request.body.toString()) });
  await plane.serve(
    'shop',
    [
      { address: v1.address, version: 'v1' },
      { address: v2.address, version: 'v2' },
    ],
    { mirror, version },
  );
  const app = await startApp(t, plane);
  for (let i = 0; i < 120; i++) t.is(await app.call('shop', { body: Buffer.from('hello') }).ended(), '0');
  await eventually(() => bodies.length === 100);
  t.true(bodies.every((body) => body === 'hello'));
  t.is(v2.requests.length, 100);
});
