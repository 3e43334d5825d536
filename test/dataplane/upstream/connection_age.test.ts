import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { serviceSettings } from '../../support/service_settings.ts';

const { maxConnectionAge } = serviceSettings({ max_connection_age: '10m' });
const MINUTES = 60_000;

test('a connection that is old enough is replaced, and goes only when the new one takes requests; what it carries is finished', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {} });
  const counters = await plane.serve('shop', [instance], { maxConnectionAge });
  const app = await startApp(t, plane);
  const old = app.call('shop');
  await eventually(() => instance.requests.length === 1);
  plane.skip(12 * MINUTES);
  plane.data.get('shop')?.sweep();
  // The replacement is on its way, and meanwhile the old one is good enough.
  t.is(plane.states('shop').join(), 'ready');
  t.deepEqual(counters.connects(instance.address), { ok: 1 });
  const between = app.call('shop');
  await eventually(() => instance.requests.length === 2);
  await eventually(() => instance.connections.length === 2);
  await eventually(() => instance.connections[0]?.http2.draining === true);
  const late = app.call('shop');
  await eventually(() => instance.requests.length === 3);
  t.is(instance.requests[2]?.stream.connection, instance.connections[1]?.http2);
  for (const request of instance.requests) request.ok();
  for (const call of [old, between, late]) t.is(await call.ended(), '0');
  await eventually(() => instance.connections[0]?.socket.destroyed === true);
  t.false(instance.connections[1]?.socket.destroyed);
  t.deepEqual(counters.connects(instance.address), { ok: 2 });
  t.is(counters.retries, 0);
});

test('while calls go on, connections are replaced again and again without one of them failing or being sent twice', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t), await startInstance(t)];
  const counters = await plane.serve('shop', instances, { maxConnectionAge });
  const app = await startApp(t, plane);
  let calls = 0;
  for (let round = 1; round <= 5; round++) {
    plane.skip(12 * MINUTES);
    plane.data.get('shop')?.sweep();
    await eventually(async () => {
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => app.call('shop').ended()));
      calls += outcomes.length;
      t.deepEqual([...new Set(outcomes)], ['0']);
      return instances.every(({ connections }) => connections.length === round + 1);
    });
  }
  t.is(
    instances.reduce((sum, { requests }) => sum + requests.length, 0),
    calls,
  );
  t.is(counters.retries, 0);
  await eventually(() =>
    instances.every(({ connections }) => connections.filter(({ socket }) => !socket.destroyed).length === 1),
  );
});

test('connections that began together do not end together: each has its own age, at most a tenth off', async (t) => {
  const plane = await startPlane(t);
  const instances = await Promise.all(Array.from({ length: 20 }, () => startInstance(t)));
  await plane.serve('shop', instances, { maxConnectionAge });
  const replaced = (): number => instances.filter(({ connections }) => connections.length > 1).length;
  const look = (): void => plane.data.get('shop')?.sweep();
  plane.skip(8.9 * MINUTES);
  look();
  plane.skip(1.1 * MINUTES);
  look();
  // About half of them: all or none would be one chance in 500,000.
  await eventually(() => replaced() > 0);
  t.true(replaced() < 20);
  plane.skip(1.2 * MINUTES);
  look();
  await eventually(() => replaced() === 20);
});

test('when the replacement cannot be had, the old connection stays', async (t) => {
  const plane = await startPlane(t);
  let refuses = false;
  const instance = await startInstance(t);
  await plane.serve('shop', [instance], { maxConnectionAge });
  const app = await startApp(t, plane);
  instance.server.on('connection', (socket) => {
    if (refuses) socket.destroy();
  });
  refuses = true;
  plane.skip(12 * MINUTES);
  plane.data.get('shop')?.sweep();
  await eventually(() => instance.connections.length === 2);
  for (let i = 0; i < 5; i++) t.is(await app.call('shop').ended(), '0');
  t.false(instance.connections[0]?.socket.destroyed);
});
