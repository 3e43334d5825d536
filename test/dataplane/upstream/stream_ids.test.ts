import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { type InstanceOptions, type Received, startInstance } from '../../support/plane_instance.ts';

/** RFC 9113 section 5.1.1: ids have 31 bits. */
const LAST_ID = 0x7fff_ffff;
/** Longer than a connection must last for its end not to be a failed attempt. */
const LASTED = 2_000;

/** An instance whose connection, the only one it may have, has ids for `left` more streams: 2^30 of them take too long to open one by one. */
async function nearlyExhausted(t: ExecutionContext, left: number, options: InstanceOptions = {}) {
  const plane = await startPlane(t);
  const instance = await startInstance(t, options);
  const counters = await plane.serve('shop', [instance], { limits: { connectionsPerInstance: 1 } });
  plane.skip(LASTED);
  const connection = plane.data.get('shop')?.endpoints[0]?.freeConnection()?.http2;
  if (connection === undefined) throw new Error('there is no connection');
  (connection as unknown as { nextStreamId: number }).nextStreamId = LAST_ID - 2 * (left - 1);
  return { plane, instance, counters, app: await startApp(t, plane) };
}

test('a connection whose stream ids run out is replaced, one call after the other, and none fails (RFC 9113 section 5.1.1)', async (t) => {
  const { plane, instance, counters, app } = await nearlyExhausted(t, 3);
  for (let i = 0; i < 10; i++) t.is(await app.call('shop').ended(), '0');
  const [first] = instance.connections;
  t.deepEqual(
    instance.requests.map(({ stream }) => [stream.connection === first?.http2, stream.id]),
    [
      ...[LAST_ID - 4, LAST_ID - 2, LAST_ID].map((id) => [true, id]),
      ...[1, 3, 5, 7, 9, 11, 13].map((id) => [false, id]),
    ],
  );
  await eventually(() => first?.socket.destroyed === true);
  t.is(instance.connections.length, 2);
  t.deepEqual(counters.connects(instance.address), { ok: 2 });
  t.deepEqual(plane.states('shop'), ['ready']);
});

test('calls that are under way on a connection whose stream ids run out finish there; it counts for no limit and closes after them', async (t) => {
  const held: Received[] = [];
  const { instance, counters, app } = await nearlyExhausted(t, 3, {
    ended: (request) => void held.push(request),
  });
  const calls = Array.from({ length: 20 }, () => app.call('shop'));
  await eventually(() => held.length === calls.length);
  const [first, second] = instance.connections;
  t.is(held.filter(({ stream }) => stream.connection === first?.http2).length, 3);
  t.is(held.filter(({ stream }) => stream.connection === second?.http2).length, 17);
  t.false(first?.socket.destroyed);
  for (const request of held) request.ok();
  for (const call of calls) t.is(await call.ended(), '0');
  await eventually(() => first?.socket.destroyed === true);
  t.false(second?.socket.destroyed);
  t.is(instance.connections.length, 2);
  t.deepEqual(counters.connects(instance.address), { ok: 2 });
  t.deepEqual(instance.tokens, []);
});
