import test, { type ExecutionContext } from 'ava';
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
  const settings = serviceSettings({ outlier: { base_ejection: '2s', max_ejection: '2s' } });
  const counters = await plane.serve('shop', [bad, ...good], settings);
  const app = await startApp(t, plane);
  const statuses = [];
  for (let i = 0; i < 30; i++) statuses.push(await app.call('shop').ended());
  t.true(plane.states('shop').includes('ejected'));
  t.is(bad.requests.length, 5);
  t.is(statuses.filter((status) => status === '14').length, 5);
  t.is(counters.ejections('consecutive_failures'), 1);
  // Its time is over: exactly one request asks how it is, and it is out again.
  await eventually(() => !plane.states('shop').includes('ejected'));
  await Promise.all(Array.from({ length: 12 }, () => app.call('shop').ended()));
  t.is(bad.requests.length, 6);
  t.true(plane.states('shop').includes('ejected'));
  t.is(counters.ejections('probe_failed'), 1);
  ill = false;
  await eventually(async () => {
    await app.call('shop').ended();
    return bad.requests.length > 10;
  });
  t.false(plane.states('shop').includes('ejected'));
  t.is(counters.inFlight, 0);
});

/** Three instances, the first of which is out and about to be probed; `answer` says how it answers from now on. */
async function setUpProbed(t: ExecutionContext, answer: (request: Received) => void) {
  const plane = await startPlane(t);
  let ill = true;
  const bad = await startInstance(t, { begun: (request) => (ill ? failing(request) : answer(request)) });
  const settings = serviceSettings({ outlier: { base_ejection: '100ms', max_ejection: '100ms' } });
  const good = [await startInstance(t), await startInstance(t)];
  const counters = await plane.serve('shop', [bad, ...good], settings);
  const app = await startApp(t, plane);
  await eventually(async () => {
    await app.call('shop').ended();
    return counters.ejections('consecutive_failures') > 0;
  });
  ill = false;
  await eventually(() => !plane.states('shop').includes('ejected'));
  const before = bad.requests.length;
  const asked = (): Received[] => bad.requests.slice(before);
  return { plane, app, counters, asked };
}

test('while one request probes an instance, no other goes there, however many there are', async (t) => {
  const { app, asked } = await setUpProbed(t, () => {});
  const calls = Array.from({ length: 12 }, () => app.call('shop'));
  await eventually(() => asked().length === 1 && calls.filter(({ over }) => over).length === 11);
  for (let i = 0; i < 6; i++) t.is(await app.call('shop').ended(), '0');
  t.is(asked().length, 1);
  asked()[0]?.ok();
  await eventually(async () => {
    void app.call('shop');
    return asked().length > 2;
  });
});

test('a probe that the client cancels proves nothing: the next request is one', async (t) => {
  const { app, asked, plane } = await setUpProbed(t, () => {});
  const calls = Array.from({ length: 3 }, () => app.call('shop'));
  await eventually(() => asked().length === 1 && calls.filter(({ over }) => over).length === 2);
  calls.find(({ over }) => !over)?.cancel();
  await eventually(() => asked()[0]?.resetCode !== null);
  for (let i = 0; i < 3; i++) app.call('shop');
  await eventually(() => asked().length === 2);
  t.false(plane.states('shop').includes('ejected'));
});

test('a probe that lasts, as a stream may, does not keep the instance out for as long', async (t) => {
  const { app, asked, plane } = await setUpProbed(t, () => {});
  for (let i = 0; i < 3; i++) app.call('shop');
  await eventually(() => asked().length === 1);
  plane.skip(11_000);
  plane.data.get('shop')?.sweep();
  for (let i = 0; i < 3; i++) app.call('shop');
  await eventually(() => asked().length === 2);
  asked()[1]?.ok();
  await eventually(() => {
    app.call('shop');
    return asked().length > 3;
  });
  t.is(asked()[0]?.resetCode, null);
});

test('an instance that is out for its answers is in again when a check that failed passes', async (t) => {
  const plane = await startPlane(t);
  let ill = true;
  const bad = await startInstance(t, { ended: (request) => (ill ? failing(request) : request.ok()) });
  const good = [await startInstance(t), await startInstance(t)];
  const settings = serviceSettings({ outlier: { base_ejection: '1h', max_ejection: '1h' } });
  await plane.serve('shop', [bad, ...good], settings);
  const told = (healthy: boolean) =>
    [bad, ...good].map(({ address }) => ({ address, healthy: healthy || address !== bad.address }));
  const app = await startApp(t, plane);
  for (let i = 0; i < 15; i++) await app.call('shop').ended();
  t.true(plane.states('shop').includes('ejected'));
  plane.tell('shop', told(false), settings);
  t.true(plane.states('shop').includes('unhealthy'));
  ill = false;
  plane.tell('shop', told(true), settings);
  t.deepEqual(plane.states('shop'), ['ready', 'ready', 'ready']);
  for (let i = 0; i < 6; i++) t.is(await app.call('shop').ended(), '0');
  t.is(bad.requests.length, 7);
});

test('the admin view is told why an instance is left out, and when that is over', async (t) => {
  const { plane } = await setUpProbed(t, (request) => request.ok());
  const errors = plane.said('endpoint_error').map(({ error }) => error);
  t.regex(String(errors[0]), /left out for 100 ms \(consecutive_failures\)/);
  t.is(errors.at(-1), null);
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

test('deadlines of clients that still send, or of answers that go on, are held against nobody', async (t) => {
  const plane = await startPlane(t);
  const answering = (request: Received): void =>
    request.headers([':status', '200', 'content-type', 'application/grpc']);
  const instances = [await startInstance(t, { begun: answering }), await startInstance(t, { begun: answering })];
  await plane.serve('streams', instances, serviceSettings({ outlier: { consecutive_failures: 2 } }));
  const waiting = [await startInstance(t, { begun() {} }), await startInstance(t, { begun() {} })];
  await plane.serve('uploads', waiting, serviceSettings({ outlier: { consecutive_failures: 2 } }));
  const app = await startApp(t, plane);
  const soon = { headers: ['grpc-timeout', '50m'] };
  const streams = Array.from({ length: 12 }, () => app.call('streams', soon).ended());
  const uploads = Array.from({ length: 12 }, () => app.call('uploads', { ...soon, body: null }).ended());
  t.deepEqual(new Set(await Promise.all(uploads)), new Set(['4 deadline']));
  await Promise.all(streams);
  t.is(waiting[0]?.requests.length, 6);
  for (const service of ['streams', 'uploads']) t.deepEqual(plane.states(service), ['ready', 'ready']);
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
  const told = (healthy: boolean) =>
    instances.map(({ address }, index) => ({ address, healthy: index > 0 || healthy }));
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
