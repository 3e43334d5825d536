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
  await plane.serve('shop', [silent, good], withRetry({ attempts: 3, per_try_timeout: '400ms' }));
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

test('a client that takes long to send is not the instance’s fault: per_try_timeout counts from the end of the request', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t);
  const silent = await startInstance(t, { begun() {} });
  const rules = withRetry({ attempts: 3, per_try_timeout: '50ms' });
  await plane.serve('shop', [instance], rules);
  await plane.serve('mute', [silent], rules);
  const app = await startApp(t, plane);
  const upload = async (service: string, size: number) => {
    const call = app.call(service, { body: null });
    for (let piece = 0; piece < 3; piece++) {
      const from = performance.now();
      call.send(Buffer.alloc(size));
      await eventually(() => performance.now() - from > 60);
    }
    call.send(Buffer.alloc(0), true);
    return call;
  };
  t.is(await (await upload('shop', 10)).ended(), '0');
  t.is(await (await upload('shop', 30_000)).ended(), '0');
  t.is(instance.requests.length, 2);
  t.is(await (await upload('mute', 10)).ended(), '4 deadline');
});

test('a request that is too large to be sent again is not given up for taking long', async (t) => {
  const plane = await startPlane(t);
  const late = await startInstance(t, { begun() {} });
  await plane.serve('shop', [late], withRetry({ attempts: 3, per_try_timeout: '30ms' }));
  const app = await startApp(t, plane);
  const call = app.call('shop', { body: Buffer.alloc(70_000) });
  await eventually(() => late.requests[0]?.ended === true);
  const from = performance.now();
  await eventually(() => performance.now() - from > 60);
  late.requests[0]?.ok();
  t.is(await call.ended(), '0');
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

test('a body of 64 KiB is kept and sent again whole; one octet more, and there is no second attempt', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { ended: status(14) });
  const good = await startInstance(t);
  await plane.serve('shop', [bad, good], withRetry({ attempts: 3 }));
  await plane.serve('lonely', [bad], withRetry({ attempts: 3 }));
  const app = await startApp(t, plane);
  const body = Buffer.alloc(65_536, 'outrigger');
  for (let i = 0; i < 4; i++) t.is(await app.call('shop', { body }).ended(), '0');
  t.true(good.requests.every((request) => request.body.equals(body)));
  const before = bad.requests.length;
  t.is(await app.call('lonely', { body: Buffer.alloc(65_537, 1) }).ended(), '14');
  t.is(bad.requests.length, before + 1);
});

test('an upload that goes on while its first attempt fails is sent again, with all that came before and after', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { begun: status(14) });
  const good = await startInstance(t);
  const counters = await plane.serve('shop', [bad, good], withRetry({ attempts: 3, backoff: { base: '50ms' } }));
  const app = await startApp(t, plane);
  for (let i = 0; i < 4; i++) {
    const call = app.call('shop', { body: null });
    call.send(Buffer.from('one '));
    await eventually(() => bad.requests.length + good.requests.length > i);
    call.send(Buffer.from('two '));
    call.send(Buffer.from('three'), true);
    t.is(await call.ended(), '0');
    t.is(good.requests.at(-1)?.body.toString(), 'one two three');
  }
  t.true(bad.requests.length > 0);
  t.is(counters.upstreamInFlight, 0);
});

test('a client that cancels between two attempts ends the request: no further attempt, nothing left behind', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { ended: status(14) });
  const counters = await plane.serve('shop', [bad], withRetry({ attempts: 2, backoff: { base: '1h', max: '1h' } }));
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => counters.retries === 1 && counters.upstreamInFlight === 0);
  call.cancel();
  await eventually(() => counters.inFlight === 0);
  t.is(bad.requests.length, 1);
  t.is(counters.pending, 0);
  t.is(plane.data.deadlines.size, 0);
  // The places in the budget are free again: all three can be taken at once.
  const calls = Array.from({ length: 3 }, () => app.call('shop'));
  await eventually(() => counters.retries === 4);
  for (const each of calls) each.cancel();
  await eventually(() => counters.inFlight === 0);
});

test('no pause is begun that the deadline would end: the caller gets the answer that there is, at once', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { ended: status(14, 'grpc-message', 'busy') });
  await plane.serve('shop', [bad], withRetry({ attempts: 3, backoff: { base: '1h', max: '1h' } }));
  const app = await startApp(t, plane);
  const call = app.call('shop', { headers: ['grpc-timeout', '30M'] });
  t.is(await call.ended(), '14');
  t.is(call.field('grpc-message'), 'busy');
  t.is(bad.requests.length, 1);
});

test('a deadline that passes between two attempts is the client’s, and the message names no instance', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { ended: status(14) });
  const counters = await plane.serve('shop', [bad], withRetry({ attempts: 2, backoff: { base: '1h', max: '1h' } }));
  const app = await startApp(t, plane);
  const call = app.call('shop', { headers: ['grpc-timeout', '2H'] });
  await eventually(() => counters.retries === 1);
  // Past the pause and the deadline at once: the deadline counts.
  plane.skip(3 * 3_600_000);
  t.is(await call.ended(), '4 deadline');
  t.regex(
    call.message,
    /^the client's deadline passed after .* waiting for an instance of service "shop" \(attempts: 1\)$/,
  );
  t.is(bad.requests.length, 1);
});

test('retry.timeout is the longest time for all attempts together, as go-kit’s Retry has it', async (t) => {
  const plane = await startPlane(t);
  const silent = await startInstance(t, { begun() {} });
  await plane.serve('shop', [silent], withRetry({ attempts: 3, timeout: '1h' }, { timeout: '2h' }));
  const app = await startApp(t, plane);
  const call = app.call('shop', { headers: ['grpc-timeout', '3H'] });
  await eventually(() => silent.requests.length === 1);
  t.deepEqual(silent.requests[0]?.values('grpc-timeout'), ['3600000m']);
  plane.skip(3_601_000);
  t.is(await call.ended(), '4 deadline');
  t.regex(call.message, /^retry\.timeout passed after/);
  t.is(silent.requests.length, 1);
});

test('each attempt is told what is left of the deadline', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { ended: status(14) });
  const counters = await plane.serve('shop', [bad], withRetry({ attempts: 2, backoff: { base: '20m', max: '20m' } }));
  const app = await startApp(t, plane);
  const call = app.call('shop', { headers: ['grpc-timeout', '1H'] });
  await eventually(() => counters.retries === 1);
  plane.skip(30 * 60_000);
  t.is(await call.ended(), '14');
  const left = bad.requests.map((request) => request.values('grpc-timeout')[0] ?? '');
  t.is(left[0], '1H');
  t.regex(left[1] ?? '', /^(1[78]\d{5}m|1[78]\d\dS|30M|29M)$/);
});

test('a service none of whose instances can be connected to is asked again, by a policy, until one can', async (t) => {
  const plane = await startPlane(t);
  const gone = await startInstance(t);
  gone.server.close();
  const { address } = gone;
  const counters = plane.tell('shop', [{ address }], withRetry({ attempts: 3, backoff: { base: '200ms' } }));
  await eventually(() => plane.states('shop').join() === 'backoff');
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => counters.retriesBecause('connect_failed') === 1);
  const good = await startInstance(t);
  plane.tell('shop', [good], withRetry({ attempts: 3, backoff: { base: '200ms' } }));
  t.is(await call.ended(), '0');
  // It was never sent before: the instance is not told of attempts that nobody saw.
  t.deepEqual(good.requests[0]?.values('grpc-previous-rpc-attempts'), []);
});

test('without anybody to connect to, the attempts end, with the reason of the last', async (t) => {
  const plane = await startPlane(t);
  const gone = await startInstance(t);
  gone.server.close();
  const counters = plane.tell(
    'shop',
    [{ address: gone.address }],
    withRetry({ attempts: 3, backoff: { base: '5ms' } }),
  );
  await eventually(() => plane.states('shop').join() === 'backoff');
  const app = await startApp(t, plane);
  t.is(await app.call('shop').ended(), '14 connect_failed');
  t.is(counters.retriesBecause('connect_failed'), 2);
  t.is(counters.inFlight, 0);
});

test('a further attempt that finds everybody full waits its turn like any other request', async (t) => {
  const plane = await startPlane(t);
  let ill = true;
  const instance = await startInstance(t, {
    begun: (request) => {
      if (ill) status(14)(request);
      ill = false;
    },
  });
  const { limits } = serviceSettings({ limits: { instance_concurrency: 1 } });
  const settings = { ...withRetry({ attempts: 2, backoff: { base: '300ms', max: '300ms' } }), limits };
  const counters = await plane.serve('shop', [instance], settings);
  const app = await startApp(t, plane);
  const first = app.call('shop');
  await eventually(() => counters.retries === 1);
  const second = app.call('shop');
  await eventually(() => instance.requests.length === 2);
  await eventually(() => counters.pending === 1);
  instance.requests[1]?.ok();
  t.is(await second.ended(), '0');
  await eventually(() => instance.requests.length === 3);
  t.deepEqual(instance.requests[2]?.values('grpc-previous-rpc-attempts'), ['1']);
  instance.requests[2]?.ok();
  t.is(await first.ended(), '0');
});

test('what was certainly not processed counts neither as an attempt of the policy nor in what the instance is told', async (t) => {
  const plane = await startPlane(t);
  const refusing = await startInstance(t, { begun: (request) => request.reset(ERROR.REFUSED_STREAM) });
  const good = await startInstance(t);
  const counters = await plane.serve('shop', [refusing, good], withRetry({ attempts: 2 }));
  const app = await startApp(t, plane);
  for (let i = 0; i < 4; i++) t.is(await app.call('shop').ended(), '0');
  t.true(good.requests.every((request) => request.values('grpc-previous-rpc-attempts').length === 0));
  t.true(counters.retriesBecause('upstream_reset') > 0);
});

test('retries that the budget does not allow are counted, and the caller gets the answer that there is', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { ended: status(14) });
  const counters = await plane.serve('shop', [bad], withRetry({ attempts: 2, backoff: { base: '1h', max: '1h' } }));
  const app = await startApp(t, plane);
  const calls = Array.from({ length: 5 }, () => app.call('shop'));
  await eventually(() => calls.filter(({ over }) => over).length === 2);
  t.is(counters.retries, 3);
  t.is(counters.retriesDenied, 2);
  t.deepEqual([...new Set(calls.filter(({ over }) => over).map(({ outcome }) => outcome))], ['14']);
  for (const call of calls) if (!call.over) call.cancel();
  await eventually(() => counters.inFlight === 0);
});

test('a request that moves to the default service takes its rules, and gives back what it took of the first one’s budget', async (t) => {
  const plane = await startPlane(t, { defaultService: 'other' });
  const bad = await startInstance(t, { ended: status(14) });
  const good = await startInstance(t);
  const settings = withRetry({ attempts: 3, backoff: { base: '500ms', max: '500ms' } });
  const first = await plane.serve('shop', [bad], settings);
  await plane.serve('other', [good], withRetry({ attempts: 2 }));
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => first.retries === 1);
  plane.tell('shop', [], settings);
  t.is(await call.ended(), '0');
  t.is(first.inFlight, 0);
  await plane.serve('shop', [bad], withRetry({ attempts: 2, backoff: { base: '1h', max: '1h' } }));
  const calls = Array.from({ length: 3 }, () => app.call('shop'));
  await eventually(() => first.retries === 4);
  for (const each of calls) each.cancel();
});
