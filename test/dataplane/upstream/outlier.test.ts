import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { type Received, startInstance } from '../../support/plane_instance.ts';
import { serviceSettings } from '../../support/service_settings.ts';

const failing = (request: Received): void =>
  request.headers([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '14'], true);

test('an instance that fails five times in a row is left out, and one real request lets it in again', async (t) => {
  const plane = await startPlane(t);
  let ill = true;
  const bad = await startInstance(t, { ended: (request) => (ill ? failing(request) : request.ok()) });
  const good = [await startInstance(t), await startInstance(t)];
  const settings = serviceSettings({ outlier: { base_ejection: '150ms', max_ejection: '150ms' } });
  const counters = await plane.serve('shop', [bad, ...good], settings);
  const app = await startApp(t, plane);
  for (let i = 0; i < 30; i++) await app.call('shop').ended();
  t.true(plane.states('shop').includes('ejected'));
  t.is(bad.requests.length, 5);
  // Its time is over: exactly one request asks how it is, and it is out again.
  await eventually(() => !plane.states('shop').includes('ejected'));
  await Promise.all(Array.from({ length: 12 }, () => app.call('shop').ended()));
  t.is(bad.requests.length, 6);
  t.true(plane.states('shop').includes('ejected'));
  ill = false;
  await eventually(async () => {
    await app.call('shop').ended();
    return bad.requests.length > 10;
  });
  t.false(plane.states('shop').includes('ejected'));
  t.is(counters.inFlight, 0);
});

test('at most the share that may be, but always one, is left out; the rest keep serving', async (t) => {
  const plane = await startPlane(t);
  const instances = await Promise.all(Array.from({ length: 4 }, () => startInstance(t, { ended: failing })));
  await plane.serve('shop', instances, serviceSettings());
  const app = await startApp(t, plane);
  for (let i = 0; i < 60; i++) await app.call('shop').ended();
  t.is(plane.states('shop').filter((state) => state === 'ejected').length, 1);
});

test('answers that are the caller’s fault are no failures', async (t) => {
  const plane = await startPlane(t);
  const notFound = (request: Received): void =>
    request.headers([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '5'], true);
  const instances = [await startInstance(t, { ended: notFound }), await startInstance(t)];
  await plane.serve('shop', instances, serviceSettings());
  const app = await startApp(t, plane);
  for (let i = 0; i < 30; i++) await app.call('shop').ended();
  t.deepEqual(plane.states('shop'), ['ready', 'ready']);
});

test('an instance that lets deadlines pass is left out, whoever noticed first', async (t) => {
  const plane = await startPlane(t);
  const hung = await startInstance(t, { begun() {} });
  const good = await startInstance(t);
  await plane.serve('shop', [hung, good, await startInstance(t)], serviceSettings());
  const app = await startApp(t, plane);
  const calls = Array.from({ length: 21 }, () => app.call('shop', { headers: ['grpc-timeout', '100m'] }).ended());
  await Promise.all(calls);
  t.true(plane.states('shop').includes('ejected'));
});

test('with fewer than half of the instances usable, those that are left out are used as well', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t), await startInstance(t), await startInstance(t)];
  const ill = instances.map(({ address }, index) => ({ address, healthy: index === 0 }));
  plane.tell('shop', ill, serviceSettings());
  await eventually(() => plane.states('shop').filter((state) => state === 'unhealthy').length === 2);
  await eventually(() => plane.states('shop').includes('ready'));
  const app = await startApp(t, plane);
  for (let i = 0; i < 9; i++) t.is(await app.call('shop').ended(), '0');
  t.true(instances.every(({ requests }) => requests.length === 3));
});

test('a check that fails takes an instance out at once, its connection stays, and one that passes lets it in', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t), await startInstance(t), await startInstance(t)];
  const told = (healthy: boolean) => instances.map(({ address }, index) => ({ address, healthy: index > 0 || healthy }));
  await plane.serve('shop', told(true), serviceSettings());
  const app = await startApp(t, plane);
  plane.tell('shop', told(false), serviceSettings());
  for (let i = 0; i < 6; i++) t.is(await app.call('shop').ended(), '0');
  t.is(instances[0]?.requests.length, 0);
  plane.tell('shop', told(true), serviceSettings());
  for (let i = 0; i < 6; i++) t.is(await app.call('shop').ended(), '0');
  t.is(instances[0]?.requests.length, 2);
  t.is(instances[0]?.connections.length, 1);
});
