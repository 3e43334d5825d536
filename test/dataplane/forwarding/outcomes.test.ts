import test, { type ExecutionContext } from 'ava';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { type InstanceOptions, startInstance } from '../../support/plane_instance.ts';

async function setUp(t: ExecutionContext, options: InstanceOptions = {}) {
  const plane = await startPlane(t);
  const instance = await startInstance(t, options);
  const counters = await plane.serve('shop', [instance]);
  return { plane, instance, counters, app: await startApp(t, plane) };
}

test('a call that its client cancels counts as 4xx and CANCELLED, wherever it was; the instance is not to blame', async (t) => {
  const { plane, instance, counters, app } = await setUp(t, { begun() {} });
  const late = plane.tell('late', [], { known: false });
  const calls = [app.call('shop'), app.call('shop', { body: null }), app.call('late')];
  const plain = app.call('shop', { grpc: false });
  await eventually(() => instance.requests.length === 3 && late.pending === 1);
  for (const call of [...calls, plain]) call.cancel();
  await eventually(() => counters.inFlight + late.inFlight === 0);
  await eventually(() => counters.requests['4xx 1'] === 2);
  t.deepEqual(counters.requests, { '4xx 1': 2, '4xx -': 1 });
  t.deepEqual(late.requests, { '4xx 1': 1 });
  t.deepEqual(counters.attempts(instance.address), { canceled: 3 });
  await eventually(() => instance.requests.every(({ resetCode }) => resetCode === ERROR.CANCEL));
});

test('so does one whose app went away', async (t) => {
  const { instance, counters, app } = await setUp(t, { begun() {} });
  app.call('shop');
  app.call('shop', { grpc: false });
  await eventually(() => instance.requests.length === 2);
  app.socket.destroy();
  await eventually(() => counters.inFlight === 0 && Object.keys(counters.requests).length === 2);
  t.deepEqual(counters.requests, { '4xx 1': 1, '4xx -': 1 });
});

test('a call that is cancelled after the response headers counts with their status', async (t) => {
  const { counters, app } = await setUp(t, { begun: (request) => request.headers([':status', '200']) });
  const [call, plain] = [app.call('shop'), app.call('shop', { grpc: false })];
  await eventually(() => call.status === 200 && plain.status === 200);
  call.cancel();
  plain.cancel();
  await eventually(() => Object.keys(counters.requests).length === 2);
  t.deepEqual(counters.requests, { '2xx 1': 1, '2xx -': 1 });
});

const DERIVED: readonly (readonly [http: number, grpc: number])[] = [
  [200, 2],
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [431, 13],
  [500, 2],
  [502, 14],
  [503, 14],
  [504, 14],
];

for (const [http, grpc] of DERIVED) {
  test(`a gRPC answer ${http} without grpc-status counts as status ${grpc}, and is passed on as it came`, async (t) => {
    const { counters, app, instance } = await setUp(t, {
      begun: (request) => {
        const trailers = request.values('x-trailers').length > 0;
        request.headers([':status', String(http), 'x-from', 'instance'], !trailers);
        if (trailers) request.end(['x-end', 'here']);
      },
    });
    const [call, withTrailers] = [app.call('shop'), app.call('shop', { headers: ['x-trailers', '1'] })];
    for (const each of [call, withTrailers, app.call('shop', { grpc: false })]) t.is(await each.ended(), String(http));
    t.is(call.field('grpc-status'), null);
    t.is(withTrailers.field('x-end'), 'here');
    const codeClass = `${Math.floor(http / 100)}xx`;
    await eventually(() => counters.requests[`${codeClass} ${grpc}`] === 2);
    t.deepEqual(counters.requests, { [`${codeClass} ${grpc}`]: 2, [`${codeClass} -`]: 1 });
    const failed = [2, 13, 14].includes(grpc) ? 2 : 0;
    const plainFailed = http >= 500 ? 1 : 0;
    t.is(counters.attempts(instance.address).error ?? 0, failed + plainFailed);
  });
}

test('the status of trailers counts, also one that says that the instance failed', async (t) => {
  const { counters, app, instance } = await setUp(t, {
    begun: (request) => {
      request.headers([':status', '200', 'content-type', 'application/grpc']);
      request.data(Buffer.from('x'));
      request.end(['grpc-status', request.values('x-status')[0] as string]);
    },
  });
  for (const status of ['0', '5', '14', '16', '99', 'x']) {
    t.is(await app.call('shop', { headers: ['x-status', status] }).ended(), status);
  }
  await eventually(() => counters.requests['2xx 2'] === 2);
  t.deepEqual(counters.requests, { '2xx 0': 1, '2xx 5': 1, '2xx 14': 1, '2xx 16': 1, '2xx 2': 2 });
  t.deepEqual(counters.attempts(instance.address), { ok: 3, error: 3 });
});

for (const [code, status] of [
  [ERROR.CANCEL, 1],
  [ERROR.ENHANCE_YOUR_CALM, 8],
  [ERROR.INADEQUATE_SECURITY, 7],
  [ERROR.INTERNAL_ERROR, 13],
  [ERROR.NO_ERROR, 13],
] as const) {
  test(`an instance’s RST_STREAM with code ${code} becomes status ${status}; after the headers it is passed on`, async (t) => {
    const { counters, app } = await setUp(t, {
      begun: (request) => {
        if (request.values('x-begin').length > 0) request.headers([':status', '200']);
        request.reset(code);
      },
    });
    t.is(await app.call('shop').ended(), `${status} upstream_reset`);
    t.is(await app.call('shop', { grpc: false }).ended(), '502 upstream_reset');
    const begun = app.call('shop', { headers: ['x-begin', '1'] });
    await begun.ended();
    t.is(begun.resetCode, code);
    await eventually(() => Object.values(counters.requests).reduce((sum, count) => sum + count, 0) === 3);
    t.deepEqual(counters.requests, { [`2xx ${status}`]: 2, '5xx -': 1 });
  });
}
