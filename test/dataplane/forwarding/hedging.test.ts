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

const silent = { begun() {} };
const answer = (code: number, ...more: string[]): string[] => [
  ':status',
  '200',
  'content-type',
  'application/grpc',
  'grpc-status',
  String(code),
  ...more,
];

/** The rules of the one method with this hedge policy. */
const hedged = (hedge: object) => ({ methods: serviceSettings({ methods: { '/test.Test/Call': { hedge } } }).methods });

test('attempts begin one after the other, each at another instance, up to the number allowed; all but the first to answer are cancelled', async (t) => {
  const plane = await startPlane(t);
  const instances = await Promise.all(Array.from({ length: 4 }, () => startInstance(t, silent)));
  const counters = await plane.serve('shop', instances, hedged({ attempts: 3, delay: '30ms' }));
  const app = await startApp(t, plane);
  const call = app.call('shop', { body: Buffer.from('hello') });
  const asked = () => instances.filter(({ requests }) => requests.length > 0);
  await eventually(() => asked().length === 3);
  t.true(instances.every(({ requests }) => requests.length <= 1));
  const before = asked().map(({ requests }) => requests[0]?.values('grpc-previous-rpc-attempts').join());
  t.deepEqual(
    before.toSorted((a = '', b = '') => (a < b ? -1 : 1)),
    ['', '1', '2'],
  );
  const winner = asked()[1]?.requests[0];
  await eventually(() => winner?.ended === true);
  winner?.ok();
  t.is(await call.ended(), '0');
  await eventually(() => asked().filter(({ requests }) => requests[0]?.resetCode === ERROR.CANCEL).length === 2);
  t.is(counters.retriesBecause('hedge'), 2);
  await eventually(() => counters.upstreamInFlight === 0 && counters.inFlight === 0);
  t.is(plane.data.deadlines.size, 0);
});

test('an answer that is the caller’s own fault counts, whoever else is still asked', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, silent), await startInstance(t, silent)] as const;
  await plane.serve('shop', instances, { methods });
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => instances.every(({ requests }) => requests.length === 1));
  instances[0].requests[0]?.headers(answer(5), true);
  t.is(await call.ended(), '5');
  await eventually(() => instances[1].requests[0]?.resetCode === ERROR.CANCEL);
});

test('when the first attempt fails, the second one begins at once and not after the delay', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, { ended: (request) => request.headers(answer(14), true) });
  const good = await startInstance(t);
  await plane.serve('shop', [bad, good], hedged({ delay: '1h' }));
  const app = await startApp(t, plane);
  for (let i = 0; i < 4; i++) t.is(await app.call('shop').ended(), '0');
  t.true(bad.requests.length > 0);
});

test('when all attempts fail the caller gets the last answer, and there are no more of them than allowed', async (t) => {
  const plane = await startPlane(t);
  const instances = await Promise.all(
    Array.from({ length: 3 }, () => startInstance(t, { ended: (request) => request.headers(answer(14), true) })),
  );
  await plane.serve('shop', instances, { ...hedged({ attempts: 2, delay: '1h' }), outlier: null });
  const app = await startApp(t, plane);
  t.is(await app.call('shop').ended(), '14');
  t.is(
    instances.reduce((sum, { requests }) => sum + requests.length, 0),
    2,
  );
});

test('an instance that says so in grpc-retry-pushback-ms gets no further attempt', async (t) => {
  const plane = await startPlane(t);
  const bad = await startInstance(t, {
    ended: (request) => request.headers(answer(14, 'grpc-retry-pushback-ms', '-1'), true),
  });
  await plane.serve('shop', [bad], { ...hedged({ delay: '1h' }), outlier: null });
  const app = await startApp(t, plane);
  t.is(await app.call('shop').ended(), '14');
  t.is(bad.requests.length, 1);
});

for (const [pushback, when] of [
  ['60000', 'only after that'],
  ['-1', 'never, whatever becomes of the others'],
] as const) {
  test(`an instance that says ${pushback} in grpc-retry-pushback-ms while others are asked: the next one is asked ${when}`, async (t) => {
    const plane = await startPlane(t);
    const instances = await Promise.all(Array.from({ length: 3 }, () => startInstance(t, silent)));
    const counters = await plane.serve('shop', instances, { ...hedged({ attempts: 3, delay: '1s' }), outlier: null });
    await plane.serve('other', [await startInstance(t, silent)]);
    const app = await startApp(t, plane);
    const call = app.call('shop');
    // Its deadline comes after whatever was due before.
    const pass = async (ms: number): Promise<void> => {
      const marker = app.call('other', { headers: ['grpc-timeout', `${ms}m`] });
      await eventually(() => plane.data.deadlines.size >= 1);
      plane.skip(ms);
      t.is(await marker.ended(), '4 deadline');
    };
    const asked = () => instances.filter(({ requests }) => requests.length > 0);
    await eventually(() => asked().length === 1);
    plane.skip(1_000);
    await eventually(() => asked().length === 2);
    const [one, two] = asked() as [(typeof instances)[0], (typeof instances)[0]];
    one.requests[0]?.headers(answer(14, 'grpc-retry-pushback-ms', pushback), true);
    await eventually(() => counters.upstreamInFlight === 1);
    await pass(2_000);
    t.is(asked().length, 2);
    if (pushback === '-1') {
      two.requests[0]?.headers(answer(14), true);
      t.is(await call.ended(), '14');
      t.is(asked().length, 2);
    } else {
      plane.skip(60_000);
      await eventually(() => asked().length === 3);
    }
  });
}

test('an upload is sent to a second instance only when it is here whole', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, silent), await startInstance(t, silent)] as const;
  const counters = await plane.serve('shop', instances, { methods });
  const app = await startApp(t, plane);
  const call = app.call('shop', { body: null });
  call.send(Buffer.from('one '));
  await eventually(() => instances.some(({ requests }) => requests[0]?.body.length === 4));
  // Long past the delay.
  plane.skip(1_000);
  await eventually(() => plane.data.deadlines.size === 0);
  t.is(counters.retriesBecause('hedge'), 0);
  call.send(Buffer.from('two'), true);
  await eventually(() => instances.every(({ requests }) => requests[0]?.body.toString() === 'one two'));
  instances[1].requests[0]?.ok();
  t.is(await call.ended(), '0');
});

test('a body too large to be kept goes to one instance only', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, silent), await startInstance(t, silent)] as const;
  const counters = await plane.serve('shop', instances, { methods });
  const app = await startApp(t, plane);
  const call = app.call('shop', { body: Buffer.alloc(70_000) });
  const received = () => instances.flatMap(({ requests }) => requests).filter(({ ended }) => ended);
  await eventually(() => received().length === 1);
  plane.skip(1_000);
  await eventually(() => plane.data.deadlines.size === 0);
  received()[0]?.ok();
  t.is(await call.ended(), '0');
  t.is(counters.retriesBecause('hedge'), 0);
});

test('hedges take places in the retry budget: when everybody is slow, only a share of the requests is sent twice', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, silent), await startInstance(t, silent)] as const;
  const counters = await plane.serve('shop', instances, { methods });
  const app = await startApp(t, plane);
  const calls = Array.from({ length: 40 }, () => app.call('shop'));
  await eventually(() => counters.retriesBecause('hedge') + counters.retriesDenied === 40);
  t.true(counters.retriesBecause('hedge') <= 8, String(counters.retriesBecause('hedge')));
  t.true(counters.retriesBecause('hedge') >= 3);
  for (const call of calls) call.cancel();
  await eventually(() => counters.inFlight === 0 && counters.upstreamInFlight === 0);
});

test('a client that cancels cancels every attempt', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, silent), await startInstance(t, silent)] as const;
  const counters = await plane.serve('shop', instances, { methods });
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => instances.every(({ requests }) => requests.length === 1));
  call.cancel();
  await eventually(() => instances.every(({ requests }) => requests[0]?.resetCode === ERROR.CANCEL));
  await eventually(() => counters.inFlight === 0 && counters.upstreamInFlight === 0);
  t.deepEqual(counters.requests, { '4xx 1': 1 });
});

test('an attempt that takes the place of a lost one has its own time by the retry policy', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, silent), await startInstance(t, silent), await startInstance(t)] as const;
  const rules = { hedge: { delay: '30ms' }, retry: { attempts: 2, per_try_timeout: '10m' } };
  const settings = serviceSettings({ methods: { '/test.Test/Call': rules } });
  await plane.serve('shop', instances.slice(0, 2), { methods: settings.methods, outlier: null });
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => instances.slice(0, 2).every(({ requests }) => requests.length === 1));
  instances[0].requests[0]?.reset(ERROR.INTERNAL_ERROR);
  await eventually(() => plane.data.get('shop')?.endpoints.some(({ inFlight }) => inFlight === 0) ?? false);
  await plane.serve('shop', instances, { methods: settings.methods, outlier: null });
  plane.skip(11 * 60_000);
  await eventually(() => instances[1].requests[0]?.resetCode === ERROR.CANCEL);
  await eventually(async () => {
    for (const { requests } of instances.slice(0, 2)) for (const request of requests.slice(1)) request.ok();
    return call.over;
  });
  t.is(call.outcome, '0');
});
