import test from 'ava';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp, startRawApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { headers, ping } from '../../support/wire_frames.ts';

const GRPC = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'shop'],
  ['content-type', 'application/grpc'],
] as const;
const GRACE = 60_000;

test('a request that crosses the first GOAWAY is served, and then the connection ends', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t);
  await plane.serve('shop', [instance]);
  const app = await startRawApp(t, plane);
  app.send(headers(1, GRPC, { end: true }));
  t.is((await app.next('HEADERS', 1)).field('grpc-status'), '0');
  plane.data.receive({ kind: 'drain', graceMs: GRACE });
  const first = await app.next('GOAWAY');
  t.deepEqual([first.lastStreamId, first.errorCode], [2 ** 31 - 1, ERROR.NO_ERROR]);
  const asked = await app.next('PING', ({ ack }) => !ack);
  // Sent before the GOAWAY was seen, for all that the sidecar knows.
  app.send(headers(3, GRPC, { end: true }), headers(5, GRPC, { end: true }));
  for (const id of [3, 5]) t.is((await app.next('HEADERS', id)).field('grpc-status'), '0');
  t.is(plane.said('drained').length, 0);
  app.send(ping(asked.payload, true));
  t.is((await app.next('GOAWAY')).lastStreamId, 5);
  await app.end();
  await eventually(() => plane.said('drained').length === 1);
  t.is(instance.requests.length, 3);
});

test('requests in flight finish within the grace, waiting ones too', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {}, limits: { maxConcurrentStreams: 1 } });
  const counters = await plane.serve('shop', [instance], { limits: { connectionsPerInstance: 1 } });
  const app = await startApp(t, plane);
  const calls = [app.call('shop'), app.call('shop')];
  await eventually(() => counters.pending === 1 && instance.requests.length === 1);
  plane.data.receive({ kind: 'drain', graceMs: GRACE });
  await eventually(() => app.owner.goaways.length === 2);
  instance.requests[0]?.ok();
  await eventually(() => instance.requests.length === 2);
  instance.requests[1]?.ok();
  for (const call of calls) t.is(await call.ended(), '0');
  await eventually(() => plane.said('drained').length === 1);
  await eventually(() => app.owner.closedBecause !== null);
});

test('when the sidecar has drained, the instances are let go of and not dialed again', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t), await startInstance(t)];
  const counters = await plane.serve('shop', instances);
  // A connection that had lasted so long would be replaced at once if it were lost.
  plane.skip(10_000);
  plane.data.receive({ kind: 'drain', graceMs: GRACE });
  await eventually(() => plane.said('endpoint_gone').length === 2);
  t.is(plane.said('drained').length, 1);
  for (const instance of instances) {
    t.is(instance.connections.length, 1);
    await eventually(() => instance.connections[0]?.http2.failed === true);
    t.deepEqual(counters.connects(instance.address), { ok: 1 });
  }
});

test('an instance that is out when the sidecar drains is not dialed again either', async (t) => {
  const plane = await startPlane(t);
  const gone = await startInstance(t);
  const counters = await plane.serve('shop', [gone]);
  gone.connections[0]?.socket.destroy();
  await eventually(() => plane.states('shop').join() === 'backoff');
  plane.data.receive({ kind: 'drain', graceMs: GRACE });
  await eventually(() => plane.said('drained').length === 1);
  t.deepEqual(plane.states('shop'), ['draining']);
  t.deepEqual(counters.connects(gone.address), { ok: 1 });
});

test('what is open at the end of the grace is answered: shutting_down, or the end of what had begun', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, {
    begun: (request) => {
      if (request.values('x-begin').length > 0) request.headers([':status', '200', 'content-type', 'application/grpc']);
    },
    limits: { maxConcurrentStreams: 4 },
  });
  const counters = await plane.serve('shop', [instance], { limits: { connectionsPerInstance: 1 } });
  plane.tell('late', [], { known: false });
  const app = await startApp(t, plane);
  const begin = ['x-begin', '1'];
  const calls = {
    sent: app.call('shop'),
    uploading: app.call('shop', { body: null }),
    begun: app.call('shop', { headers: begin }),
    begunPlain: app.call('shop', { headers: begin, grpc: false }),
    waiting: app.call('shop'),
    plain: app.call('shop', { grpc: false }),
    early: app.call('late'),
  };
  await eventually(() => calls.begun.status === 200 && calls.begunPlain.status === 200 && counters.pending === 2);
  plane.data.receive({ kind: 'drain', graceMs: 30 });
  await eventually(() => plane.said('drained').length === 1);
  for (const call of [calls.sent, calls.uploading, calls.begun, calls.waiting, calls.early]) {
    t.is(await call.ended(), '14 shutting_down');
  }
  t.is(await calls.plain.ended(), '503 shutting_down');
  await calls.begunPlain.ended();
  t.is(calls.begunPlain.resetCode, ERROR.INTERNAL_ERROR);
  t.is(calls.sent.message, 'the sidecar is shutting down');
  await eventually(() => app.owner.closedBecause !== null);
  // The instance hears of each that it need not go on.
  await eventually(() => instance.requests.every(({ resetCode }) => resetCode === ERROR.CANCEL));
  t.deepEqual([counters.inFlight, counters.pending, counters.upstreamInFlight], [0, 0, 0]);
});

test('a request that still waits at the end of the grace is not sent to an instance any more', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {}, limits: { maxConcurrentStreams: 1 } });
  const counters = await plane.serve('shop', [instance], { limits: { connectionsPerInstance: 1 } });
  const app = await startApp(t, plane);
  const calls = [app.call('shop'), app.call('shop')];
  await eventually(() => counters.pending === 1 && instance.requests.length === 1);
  plane.data.receive({ kind: 'drain', graceMs: 0 });
  for (const call of calls) t.is(await call.ended(), '14 shutting_down');
  await eventually(() => instance.connections[0]?.http2.failed === true);
  t.is(instance.requests.length, 1);
});

test('an app that never answers the PING is let go of at the end of the grace', async (t) => {
  const plane = await startPlane(t);
  const app = await startRawApp(t, plane);
  plane.data.receive({ kind: 'drain', graceMs: 30 });
  await app.next('PING', ({ ack }) => !ack);
  await app.end();
  await eventually(() => plane.said('drained').length === 1);
  t.is(app.of('GOAWAY')[0]?.lastStreamId, 2 ** 31 - 1);
});
