import test from 'ava';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { type Received, startInstance } from '../../support/plane_instance.ts';
import { serviceSettings } from '../../support/service_settings.ts';

const DEBUG = ['x-outrigger-debug', '1'];

/** Answers with this status, as trailers-only. */
const status =
  (code: number, ...more: string[]) =>
  (request: Received): void =>
    request.headers([':status', '200', 'content-type', 'application/grpc', 'grpc-status', String(code), ...more], true);

/** The settings of a service with this retry policy, whose instances are never left out. */
const withRetry = (retry: object, more: object = {}) => {
  const { retry: policy, outlier, methods } = serviceSettings({ retry, outlier: 'off', ...more });
  return { retry: policy, outlier, methods };
};

test('a status that the policy names is tried again on another instance, and the caller sees only the good answer', async (t) => {
  const plane = await startPlane(t);
  const [bad, good] = [await startInstance(t, { ended: status(14) }), await startInstance(t)];
  const counters = await plane.serve('shop', [bad, good], withRetry({ attempts: 3 }));
  const app = await startApp(t, plane);
  for (let i = 0; i < 6; i++) {
    const call = app.call('shop', { headers: DEBUG, body: Buffer.from('hello') });
    t.is(await call.ended(), '0');
    t.is(call.field('x-outrigger-instance'), good.address);
  }
  t.is(good.requests.length, 6);
  t.true(good.requests.every(({ body }) => body.toString() === 'hello'));
  t.is(counters.inFlight, 0);
  t.is(counters.upstreamInFlight, 0);
});

test('a status that it does not name is passed on, and so is one after headers that were no trailers', async (t) => {
  const plane = await startPlane(t);
  const denied = await startInstance(t, { ended: status(7) });
  const late = await startInstance(t, {
    ended: (request) => {
      request.headers([':status', '200', 'content-type', 'application/grpc']);
      request.end(['grpc-status', '14']);
    },
  });
  await plane.serve('denied', [denied], withRetry({ attempts: 3 }));
  await plane.serve('late', [late], withRetry({ attempts: 3 }));
  const app = await startApp(t, plane);
  t.is(await app.call('denied').ended(), '7');
  t.is(await app.call('late').ended(), '14');
  t.is(denied.requests.length, 1);
  t.is(late.requests.length, 1);
});

test('after the last attempt the caller gets the last answer, and each attempt says how many were before it', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { ended: status(14, 'grpc-message', 'busy') });
  await plane.serve('shop', [bad], withRetry({ attempts: 3 }));
  const app = await startApp(t, plane);
  const call = app.call('shop', { headers: DEBUG });
  t.is(await call.ended(), '14');
  t.is(call.field('grpc-message'), 'busy');
  t.is(call.field('x-outrigger-attempts'), '3');
  t.deepEqual(
    bad.requests.map((request) => request.values('grpc-previous-rpc-attempts')),
    [[], ['1'], ['2']],
  );
});

test('what the instance says in grpc-retry-pushback-ms is done: so long, or not at all', async (t) => {
  const plane = await startPlane(t);
  for (const [name, pushback, attempts] of [
    ['stop', '-1', 1],
    ['unreadable', 'soon', 1],
    ['exact', '50', 2],
  ] as const) {
    const bad = await startInstance(t, { ended: status(14, 'grpc-retry-pushback-ms', pushback) });
    await plane.serve(name, [bad], withRetry({ attempts: 2, backoff: { base: '1h', max: '1h' } }));
    const app = await startApp(t, plane);
    t.is(await app.call(name).ended(), '14');
    t.is(bad.requests.length, attempts, name);
  }
});

test('a connection that is lost without proof is tried again only because the policy says so', async (t) => {
  const plane = await startPlane(t);
  const dying = await startInstance(t, { ended: ({ stream }) => stream.connection.destroy('gone') });
  const good = await startInstance(t);
  await plane.serve('shop', [dying, good], withRetry({ attempts: 3 }));
  const app = await startApp(t, plane);
  const outcomes = new Set<string>();
  for (let i = 0; i < 4; i++) outcomes.add(await app.call('shop').ended());
  t.deepEqual([...outcomes], ['0']);
});

test('an attempt without response headers is given up after per_try_timeout, and another instance answers', async (t) => {
  const plane = await startPlane(t);
  const silent = await startInstance(t, { begun() {} });
  const good = await startInstance(t);
  await plane.serve('shop', [silent, good], withRetry({ attempts: 3, per_try_timeout: '50ms' }));
  const app = await startApp(t, plane);
  for (let i = 0; i < 4; i++) t.is(await app.call('shop').ended(), '0');
  t.true(silent.requests.length >= 1);
  await eventually(() => silent.requests.every(({ resetCode }) => resetCode === ERROR.CANCEL));
});

test('when every attempt takes too long the caller is told which limit it was', async (t) => {
  const plane = await startPlane(t);
  const silent = await startInstance(t, { begun() {} });
  const counters = await plane.serve('shop', [silent], withRetry({ attempts: 2, per_try_timeout: '30ms' }));
  const app = await startApp(t, plane);
  const call = app.call('shop');
  t.is(await call.ended(), '4 deadline');
  t.regex(call.message, /retry\.per_try_timeout; attempts: 2/);
  t.is(counters.inFlight, 0);
});

test('when everything fails, attempts stay near 1.2 times the calls', async (t) => {
  const plane = await startPlane(t);
  const bad = [await startInstance(t, { ended: status(14) }), await startInstance(t, { ended: status(14) })];
  await plane.serve('shop', bad, withRetry({ attempts: 5, backoff: { base: '1ms', max: '1ms' } }));
  const app = await startApp(t, plane);
  const calls = 500;
  for (let done = 0; done < calls; done += 50) {
    await Promise.all(Array.from({ length: 50 }, () => app.call('shop').ended()));
  }
  const attempts = bad.reduce((sum, { requests }) => sum + requests.length, 0);
  t.true(attempts > calls && attempts <= calls * 1.2, String(attempts));
});

test('HTTP requests are tried again when their method is idempotent, others only if the policy says so', async (t) => {
  const plane = await startPlane(t);
  const unavailable = (request: Received): void => request.headers([':status', '503'], true);
  const bad = await startInstance(t, { ended: unavailable });
  await plane.serve('post', [bad], withRetry({ attempts: 2 }));
  await plane.serve('any', [bad], withRetry({ attempts: 2, non_idempotent: true }));
  const app = await startApp(t, plane);
  t.is(await app.call('post', { grpc: false }).ended(), '503');
  t.is(bad.requests.length, 1);
  t.is(await app.call('any', { grpc: false }).ended(), '503');
  t.is(bad.requests.length, 3);
});

test('rules of a method take the place of those of its service', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { ended: status(14) });
  const methods = { '/test.Test/Call': { retry: null } };
  await plane.serve('shop', [bad], withRetry({ attempts: 3 }, { methods }));
  const app = await startApp(t, plane);
  t.is(await app.call('shop').ended(), '14');
  t.is(bad.requests.length, 1);
  t.is(await app.call('shop', { path: '/test.Test/Other' }).ended(), '14');
  t.is(bad.requests.length, 4);
});
