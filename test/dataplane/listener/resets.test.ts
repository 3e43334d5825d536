import test from 'ava';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { DOWNSTREAM_LIMITS, UPSTREAM_LIMITS } from '../../../src/http2/limits.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp, startRawApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { headers, rstStream } from '../../support/wire_frames.ts';

const GRPC = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'shop'],
  ['content-type', 'application/grpc'],
] as const;
/** A stream that its client resets sooner than this, in milliseconds, counts as a rapid reset. */
const RAPID_RESET = 100;
const CALLS = 3_000;

test('3,000 calls that run into their own deadlines at once do not end the connection of the app', async (t) => {
  // More than the budget of rapid resets allows in a burst.
  t.true(CALLS > DOWNSTREAM_LIMITS.maxResets);
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {} });
  const counters = await plane.serve('shop', [instance]);
  const app = await startApp(t, plane);
  const innocent = app.call('shop');
  const calls = Array.from({ length: CALLS }, () => app.call('shop'));
  await eventually(() => instance.requests.length === CALLS + 1);
  const allThere = performance.now();
  await eventually(() => performance.now() - allThere > RAPID_RESET);
  for (const call of calls) call.cancel();
  await eventually(() => counters.inFlight === 1);
  instance.requests[0]?.ok();
  t.is(await innocent.ended(), '0');
  t.deepEqual(app.owner.goaways, []);
  t.false(app.http2.failed);
  // The instance hears of so many at once, and of the others in time: one that counts resets must not end the connection.
  const heard = (): number => instance.requests.filter(({ resetCode }) => resetCode === ERROR.CANCEL).length;
  await eventually(() => heard() >= UPSTREAM_LIMITS.resetBurst);
  const first = heard();
  t.true(first < 2 * UPSTREAM_LIMITS.resetBurst, String(first));
  await eventually(() => heard() > first);
  t.false(instance.connections[0]?.http2.failed);
});

test('a flood of rapid resets ends the connection of that app with ENHANCE_YOUR_CALM, and only that', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {} });
  const counters = await plane.serve('shop', [instance]);
  const [offender, other] = [await startRawApp(t, plane), await startApp(t, plane)];
  const innocent = other.call('shop');
  await eventually(() => instance.requests.length === 1);
  const portion: Buffer[] = [];
  for (let i = 0; i < 3 * DOWNSTREAM_LIMITS.maxResets; i++) {
    portion.push(headers(2 * i + 1, GRPC, { end: true }), rstStream(2 * i + 1, ERROR.CANCEL));
  }
  offender.send(...portion);
  const last = await offender.goaway();
  t.deepEqual([last.errorCode, last.debug], [ERROR.ENHANCE_YOUR_CALM, 'reset_flood']);
  await eventually(() => counters.inFlight === 1);
  instance.requests[0]?.ok();
  t.is(await innocent.ended(), '0');
  // A second one may have taken the place of the first, with its many resets; none was lost.
  t.true(instance.connections.length <= 2, `${instance.connections.length} connections`);
});
