import test from 'ava';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { serviceSettings } from '../../support/service_settings.ts';

const { methods } = serviceSettings({ methods: { '/test.Test/Call': { hedge: { delay: '30ms' } } } });

test('a request that takes long is sent to a second instance, and the first good answer counts', async (t) => {
  const plane = await startPlane(t);
  const slow = await startInstance(t, { begun() {} });
  const fast = await startInstance(t);
  const counters = await plane.serve('shop', [slow, fast], { methods });
  const app = await startApp(t, plane);
  for (let i = 0; i < 4; i++) {
    const call = app.call('shop', { body: Buffer.from('hello'), headers: ['x-outrigger-debug', '1'] });
    t.is(await call.ended(), '0');
    t.is(call.field('x-outrigger-instance'), fast.address);
  }
  t.true(slow.requests.length >= 1);
  await eventually(() => slow.requests.every(({ resetCode }) => resetCode === ERROR.CANCEL));
  t.true(fast.requests.every(({ body }) => body.toString() === 'hello'));
  await eventually(() => counters.upstreamInFlight === 0 && counters.inFlight === 0);
});

test('methods that are not named are never hedged', async (t) => {
  const plane = await startPlane(t);
  const slow = await startInstance(t, { begun() {} });
  await plane.serve('shop', [slow, await startInstance(t, { begun() {} })], { methods });
  const app = await startApp(t, plane);
  const call = app.call('shop', { path: '/test.Test/Other', headers: ['grpc-timeout', '200m'] });
  t.is(await call.ended(), '4 deadline');
  t.is(slow.requests.length <= 1, true);
});

test('when the first attempt fails while the second is under way, the second answers', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, { begun() {} }), await startInstance(t, { begun() {} })] as const;
  await plane.serve('shop', instances, { methods });
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => instances.every(({ requests }) => requests.length === 1));
  instances[0].requests[0]?.reset(ERROR.INTERNAL_ERROR);
  await eventually(() => plane.data.get('shop')?.endpoints.some(({ inFlight }) => inFlight === 0) ?? false);
  instances[1].requests[0]?.ok();
  t.is(await call.ended(), '0');
});

test('a bad answer of one does not count while the other is still asked', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, { begun() {} }), await startInstance(t, { begun() {} })] as const;
  const counters = await plane.serve('shop', instances, { methods });
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => instances.every(({ requests }) => requests.length === 1));
  const bad = [':status', '200', 'content-type', 'application/grpc', 'grpc-status', '14'];
  instances[0].requests[0]?.headers(bad, true);
  await eventually(() => plane.data.get('shop')?.endpoints.some(({ inFlight }) => inFlight === 0) ?? false);
  t.false(call.over);
  instances[1].requests[0]?.ok();
  t.is(await call.ended(), '0');
  t.is(counters.upstreamInFlight, 0);
});
