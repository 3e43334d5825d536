import test, { type ExecutionContext } from 'ava';
import { hold, release } from '../../../src/http2/held.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { type App, startApp } from '../../support/plane_app.ts';
import { type Received, startInstance } from '../../support/plane_instance.ts';

/** All that may wait in one thread (`held.ts`). */
const MAX_HELD = 64 * 1024 * 1024;
/** The windows that the sidecar grants (`limits.ts`). */
const STREAM_WINDOW = 256 * 1024;
const CONNECTION_WINDOW = 16 * 1024 * 1024;
/** More than a stream's window, and with 70 of them more than a connection's. */
const LARGE = Buffer.alloc(400_000, 1);
const STREAMS = 70;
const SMALL = Buffer.alloc(100, 2);

/** An instance that answers every call to `/large` with much and all others with little. */
function download(request: Received): void {
  const large = request.values(':path')[0] === '/large';
  request.headers([':status', '200', 'content-type', 'application/grpc']);
  request.data(large ? LARGE : SMALL);
  request.end(['grpc-status', '0']);
}

/** Five small calls, with a body each: all are answered. */
async function smallCalls(app: App, service: string): Promise<string[]> {
  const calls = Array.from({ length: 5 }, () => app.call(service, { body: SMALL }));
  return await Promise.all(calls.map((call) => call.ended()));
}
const ALL_FINE = ['0', '0', '0', '0', '0'];

// One after the other: they share what `held.ts` counts.

test.serial(
  '70 answers that an app does not read do not stall the calls of another app to the same instance',
  async (t) => {
    const plane = await startPlane(t);
    const instance = await startInstance(t, { ended: download });
    await plane.serve('files', [instance], { limits: { connectionsPerInstance: 1 } });
    const lazy = await startApp(t, plane, { credits: false, limits: { streamWindow: 65_535 } });
    const paused = Array.from({ length: STREAMS }, () => lazy.call('files', { path: '/large' }));
    // All that the instance may send has come: the app's stream windows are full, and so are the sidecar's behind them.
    await eventually(() => paused.every(({ octets }) => octets === 65_535));
    await eventually(() => instance.requests.every(({ stream }) => stream.sendWindow.available <= 0));
    const other = await startApp(t, plane);
    t.deepEqual(await smallCalls(other, 'files'), ALL_FINE);
    t.is(instance.connections.length, 1);
    t.false(paused.some(({ over }) => over));
  },
);

test.serial(
  '64 uploads to an instance that takes none do not stall calls to a healthy service on the same connection',
  async (t) => {
    const plane = await startPlane(t);
    const stuck = await startInstance(t, {
      begun() {},
      credits: false,
      limits: { streamWindow: 65_535, connectionWindow: 65_535 },
    });
    const fine = await startInstance(t);
    await plane.serve('stuck', [stuck]);
    await plane.serve('fine', [fine]);
    const app = await startApp(t, plane);
    const uploads = Array.from({ length: 64 }, () => app.call('stuck', { body: LARGE }));
    await eventually(() => uploads.every(({ stream }) => stream.sendWindow.available <= 0));
    t.deepEqual(await smallCalls(app, 'fine'), ALL_FINE);
    t.false(uploads.some(({ over }) => over));
  },
);

/** A service that is not known yet, and one that is; and `count` uploads that wait for the first of them with all they may send. */
async function early(t: ExecutionContext, count: number) {
  const plane = await startPlane(t);
  const [late, fine] = [await startInstance(t), await startInstance(t)];
  plane.tell('late', [], { known: false });
  await plane.serve('fine', [fine]);
  const app = await startApp(t, plane);
  const uploads = Array.from({ length: count }, () => app.call('late', { body: LARGE }));
  await eventually(() => uploads.every(({ stream }) => stream.sendWindow.available <= 0));
  return { plane, app, uploads, late };
}

test.serial(
  '70 uploads that wait for a service that is not known yet do not stall the calls beside them',
  async (t) => {
    const { app, uploads } = await early(t, STREAMS);
    t.deepEqual(await smallCalls(app, 'fine'), ALL_FINE);
    t.false(uploads.some(({ over }) => over));
  },
);

// 70 of them are more than a connection may hold of what no window covers (`maxBufferedHeaders`): these bodies are not such.
for (const count of [20, STREAMS]) {
  test.serial(`${count} uploads that waited for a service to be known arrive whole`, async (t) => {
    const { plane, app, uploads, late } = await early(t, count);
    t.deepEqual(await smallCalls(app, 'fine'), ALL_FINE);
    plane.tell('late', [late]);
    t.deepEqual(new Set(await Promise.all(uploads.map((call) => call.ended()))), new Set(['0']));
    t.true(late.requests.every(({ body }) => body.equals(LARGE)));
  });
}

test.serial(
  'what waits in all is bounded: beyond it the instance has no credit left, and other calls use another connection',
  async (t) => {
    const room = 1024 * 1024;
    t.true(hold(MAX_HELD - room));
    const plane = await startPlane(t);
    const instance = await startInstance(t, { ended: download });
    await plane.serve('files', [instance]);
    const lazy = await startApp(t, plane, { credits: false, limits: { streamWindow: 65_535 } });
    const paused = Array.from({ length: STREAMS }, () => lazy.call('files', { path: '/large' }));
    const [first] = instance.connections;
    await eventually(() => paused.every(({ status }) => status === 200));
    await eventually(() => (first?.http2.sender.window.available as number) < STREAM_WINDOW);
    const other = await startApp(t, plane);
    t.deepEqual(await smallCalls(other, 'files'), ALL_FINE);
    t.true(instance.connections.length > 1);
    const sent = instance.requests
      .filter(({ stream }) => stream.connection === first?.http2)
      .reduce((sum, { stream }) => sum + LARGE.length - waiting(stream), 0);
    const passedOn = paused.reduce((sum, { octets }) => sum + octets, 0);
    t.true(sent - passedOn <= CONNECTION_WINDOW + room, `${sent - passedOn} octets wait`);
    release(MAX_HELD - room);
  },
);

test.serial(
  'so are the bodies that wait for an instance: beyond it the app’s connection credit is kept, and all arrive in the end',
  async (t) => {
    const room = 1024 * 1024;
    t.true(hold(MAX_HELD - room));
    const plane = await startPlane(t);
    const late = await startInstance(t);
    plane.tell('late', [], { known: false });
    const app = await startApp(t, plane);
    const uploads = Array.from({ length: 2 * STREAMS }, () => app.call('late', { body: LARGE }));
    await eventually(() => app.http2.sender.window.available === 0);
    await eventually(() => plane.data.get('late')?.inFlight === uploads.length);
    const sent = uploads.reduce((sum, { stream }) => sum + LARGE.length - waiting(stream), 0);
    t.true(sent <= CONNECTION_WINDOW + room, `${sent} octets wait`);
    release(MAX_HELD - room);
    plane.tell('late', [late]);
    t.deepEqual(new Set(await Promise.all(uploads.map((call) => call.ended()))), new Set(['0']));
    t.true(late.requests.every(({ body }) => body.equals(LARGE)));
  },
);

function waiting(stream: Received['stream']): number {
  return (stream.waiting ?? []).reduce((sum, { start, end }) => sum + end - start, 0);
}

test.after.always('when all streams are gone nothing is held any more', async (t) => {
  await eventually(() => hold(MAX_HELD));
  release(MAX_HELD);
  t.pass();
});
