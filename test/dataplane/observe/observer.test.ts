import test from 'ava';
import {
  OBSERVE_NOTHING,
  type ObserveSettings,
  type RequestRecord,
  type TapFilter,
} from '../../../src/model/observation.ts';
import { BATCH_RECORDS, readBatch } from '../../../src/model/request_batch.ts';
import { eventually } from '../../support/eventually.ts';
import { type Plane, startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { serviceSettings } from '../../support/service_settings.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const ALL: ObserveSettings = { ...OBSERVE_NOTHING, log: { mode: 'all', sample: 0 } };
const TAP: TapFilter = { service: null, version: null, instance: null, method: null, status: null };

function observe(plane: Plane, settings: Partial<ObserveSettings>): void {
  plane.data.receive({ kind: 'observe', settings: { ...OBSERVE_NOTHING, ...settings } });
}

function recordsOf(plane: Plane): RequestRecord[] {
  return plane.said('requests').flatMap(({ batch }) => [...readBatch(batch)]);
}

async function untilRecorded(plane: Plane, count: number): Promise<RequestRecord[]> {
  await eventually(() => recordsOf(plane).length >= count);
  return recordsOf(plane);
}

test('a request is told of with all that became of it', async (t) => {
  const plane = await startPlane(t);
  const { address } = await startInstance(t, {
    ended(request) {
      request.headers([':status', '200', 'content-type', 'application/grpc']);
      request.data(Buffer.alloc(30));
      request.end(['grpc-status', '5']);
    },
  });
  await plane.serve('book', [{ address, version: 'v2' }]);
  observe(plane, ALL);
  const app = await startApp(t, plane);
  const before = Date.now();
  const call = app.call('book', {
    path: '/book.Book/Get?token=secret',
    headers: ['traceparent', `00-${TRACE}-${SPAN}-01`],
    body: Buffer.alloc(12),
  });
  await call.ended();
  const [record] = await untilRecorded(plane, 1);
  t.like(record, {
    service: 'book',
    instance: address,
    version: 'v2',
    method: 'POST',
    path: '/book.Book/Get',
    status: 200,
    grpcStatus: 5,
    reason: null,
    attempts: 1,
    bytesIn: 12,
    bytesOut: 30,
    traceId: TRACE,
    spanId: null,
    client: '127.0.0.1',
    logged: true,
  });
  const { time, duration, upstream } = record as RequestRecord;
  t.true(Math.abs(time - before) < 10_000);
  t.true(duration >= upstream && upstream > 0);
});

test('an error of the sidecar’s own has its reason, and a request without a service is told of, too', async (t) => {
  const plane = await startPlane(t);
  plane.tell('empty', []);
  observe(plane, { log: { mode: 'errors', sample: 0 } });
  const app = await startApp(t, plane);
  await app.call('empty').ended();
  await app.call('nobody', { grpc: false, path: '/x?y' }).ended();
  const [empty, unrouted] = await untilRecorded(plane, 2);
  t.like(empty, { service: 'empty', instance: null, grpcStatus: 14, reason: 'no_instance', attempts: 0 });
  t.like(unrouted, { service: '', path: '/x', status: 404, grpcStatus: null, reason: 'no_route', logged: true });
  t.true((unrouted as RequestRecord).bytesOut > 0);
});

test('nothing is told while nobody wants to hear of anything', async (t) => {
  const plane = await startPlane(t);
  const { address } = await startInstance(t);
  await plane.serve('book', [{ address }]);
  const app = await startApp(t, plane);
  t.is(plane.data.observer, null);
  await app.call('book').ended();
  observe(plane, ALL);
  t.not(plane.data.observer, null);
  await app.call('book', { path: '/second' }).ended();
  await untilRecorded(plane, 1);
  observe(plane, {});
  t.is(plane.data.observer, null);
  await app.call('book').ended();
  t.deepEqual(
    recordsOf(plane).map(({ path }) => path),
    ['/second'],
  );
});

test('errors are logged when errors are asked for, and others are not; a sample takes both', async (t) => {
  const plane = await startPlane(t);
  const { address } = await startInstance(t);
  await plane.serve('book', [{ address }]);
  plane.tell('empty', []);
  const app = await startApp(t, plane);
  observe(plane, { log: { mode: 'errors', sample: 1 } });
  await app.call('book').ended();
  await app.call('empty').ended();
  await untilRecorded(plane, 1);
  plane.data.random = () => 0.5;
  observe(plane, { log: { mode: 'sampled', sample: 0.4 } });
  await app.call('book', { path: '/left/out' }).ended();
  await app.call('empty').ended();
  observe(plane, { log: { mode: 'sampled', sample: 0.6 } });
  await app.call('book', { path: '/drawn' }).ended();
  const records = await untilRecorded(plane, 3);
  t.deepEqual(
    records.map(({ service, path }) => `${service}${path}`),
    ['empty/test.Test/Call', 'empty/test.Test/Call', 'book/drawn'],
  );
});

test('a tap hears of what its filter lets through, and that does not get into the log', async (t) => {
  const plane = await startPlane(t);
  const { address } = await startInstance(t);
  await plane.serve('book', [{ address }]);
  await plane.serve('user', [{ address }]);
  observe(plane, {
    taps: [
      { ...TAP, service: 'user' },
      { ...TAP, method: 'Get' },
    ],
  });
  const app = await startApp(t, plane);
  for (const [service, path] of [
    ['book', '/a/Put'],
    ['user', '/a/Put'],
    ['book', '/a/Get'],
  ] as const)
    await app.call(service, { path }).ended();
  const records = await untilRecorded(plane, 2);
  t.deepEqual(
    records.map(({ service, path, logged }) => [service, path, logged]),
    [
      ['user', '/a/Put', false],
      ['book', '/a/Get', false],
    ],
  );
});

test('when the control plane takes nothing, records are dropped and counted, and told when it goes on', async (t) => {
  const plane = await startPlane(t);
  const { address } = await startInstance(t);
  await plane.serve('book', [{ address }]);
  observe(plane, ALL);
  const app = await startApp(t, plane);
  const untaken = 16;
  const wave = async (count: number): Promise<void> => {
    for (let sent = 0; sent < count; sent += 64) {
      const calls = Array.from({ length: Math.min(64, count - sent) }, () => app.call('book'));
      await Promise.all(calls.map((call) => call.ended()));
    }
  };
  await wave((untaken + 2) * BATCH_RECORDS);
  await eventually(() => plane.said('requests').length >= untaken);
  t.is(plane.said('requests').length, untaken, 'no more than that is on its way');
  plane.data.receive({ kind: 'requests_taken' });
  await eventually(() => plane.said('requests').length === untaken + 1);
  const last = plane.said('requests').at(-1);
  t.true((last?.dropped ?? 0) > 0);
  t.is(recordsOf(plane).length + (last?.dropped ?? 0), (untaken + 2) * BATCH_RECORDS);
});

for (const [name, headers] of [
  ['W3C', ['traceparent', `00-${TRACE}-${SPAN}-01`, 'tracestate', 'a=b,c=d', 'baggage', 'user=ann;p=1']],
  ['B3', ['b3', `${TRACE}-${SPAN}-1`, 'x-b3-traceid', TRACE, 'x-b3-spanid', SPAN, 'x-b3-sampled', '1']],
] as const) {
  test(`trace headers are passed on as they came: ${name}`, async (t) => {
    const plane = await startPlane(t);
    const { address, requests } = await startInstance(t);
    await plane.serve('book', [{ address }]);
    const app = await startApp(t, plane);
    await app.call('book', { headers }).ended();
    for (let i = 0; i < headers.length; i += 2) {
      t.deepEqual(requests[0]?.values(headers[i] as string), [headers[i + 1]]);
    }
  });
}

test('a traced request carries the attempt’s span to the instance, in the caller’s trace, and the rest as it came', async (t) => {
  const plane = await startPlane(t);
  const { address, requests } = await startInstance(t);
  await plane.serve('book', [{ address, version: 'v1' }]);
  observe(plane, { tracing: { sample: 0 } });
  const app = await startApp(t, plane);
  const headers = ['traceparent', `00-${TRACE}-${SPAN}-03`, 'tracestate', 'a=b', 'baggage', 'user=ann'];
  await app.call('book', { headers }).ended();
  await untilRecorded(plane, 1);
  const [trace] = plane.said('requests')[0]?.traces ?? [];
  t.like(trace, { traceId: TRACE, parentId: SPAN, state: 'a=b' });
  const [attempt] = trace?.attempts ?? [];
  t.like(attempt, { instance: address, version: 'v1', result: 'ok' });
  t.deepEqual(requests[0]?.values('traceparent'), [`00-${TRACE}-${attempt?.spanId}-03`]);
  t.deepEqual(requests[0]?.values('tracestate'), ['a=b']);
  t.deepEqual(requests[0]?.values('baggage'), ['user=ann']);
  const { start = 0, end = 0 } = attempt ?? {};
  const { time = 0, duration = 0 } = trace?.request ?? {};
  t.true(start >= time && end >= start && end <= time + duration + 1);
  t.is(new Set([SPAN, trace?.spanId, attempt?.spanId]).size, 3);
});

test('who was traced in B3 stays in its trace, with its headers untouched and no others', async (t) => {
  const plane = await startPlane(t);
  const { address, requests } = await startInstance(t);
  await plane.serve('book', [{ address }]);
  observe(plane, { tracing: { sample: 0 } });
  const app = await startApp(t, plane);
  await app.call('book', { headers: ['b3', `${TRACE}-${SPAN}-1`] }).ended();
  await untilRecorded(plane, 1);
  t.like(plane.said('requests')[0]?.traces[0], { traceId: TRACE, parentId: SPAN });
  t.deepEqual(requests[0]?.values('traceparent'), []);
  t.deepEqual(requests[0]?.values('b3'), [`${TRACE}-${SPAN}-1`]);
});

test('the caller’s decision holds; where there is none, the share decides', async (t) => {
  const plane = await startPlane(t);
  const { address, requests } = await startInstance(t);
  await plane.serve('book', [{ address }]);
  plane.data.random = () => 0.5;
  observe(plane, { tracing: { sample: 0.6 } });
  const app = await startApp(t, plane);
  const notSampled = `00-${TRACE}-${SPAN}-00`;
  await app.call('book', { headers: ['traceparent', notSampled] }).ended();
  await app.call('book').ended();
  observe(plane, { tracing: { sample: 0.4 } });
  await app.call('book').ended();
  await untilRecorded(plane, 1);
  t.deepEqual(requests[0]?.values('traceparent'), [notSampled]);
  t.regex(requests[1]?.values('traceparent')[0] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  t.deepEqual(requests[2]?.values('traceparent'), []);
  const traces = plane.said('requests').flatMap((message) => message.traces);
  t.deepEqual(
    traces.map(({ parentId }) => parentId),
    [null],
  );
});

test('each attempt of a request that is sent again has a span of its own', async (t) => {
  const plane = await startPlane(t);
  const { address, requests } = await startInstance(t, {
    ended(request) {
      if (requests.length === 1)
        request.headers([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '14'], true);
      else request.ok();
    },
  });
  const { retry } = serviceSettings({ retry: { attempts: 3, backoff: { base: '1ms', max: '1ms' } } });
  await plane.serve('book', [{ address }], { retry });
  observe(plane, { tracing: { sample: 1 } });
  const app = await startApp(t, plane);
  t.is(await app.call('book').ended(), '0');
  await untilRecorded(plane, 1);
  const [trace] = plane.said('requests')[0]?.traces ?? [];
  t.deepEqual(
    trace?.attempts.map(({ result }) => result),
    ['error', 'ok'],
  );
  t.deepEqual(
    requests.map((request) => request.values('traceparent')[0]?.split('-')[2]),
    trace?.attempts.map(({ spanId }) => spanId),
  );
});
