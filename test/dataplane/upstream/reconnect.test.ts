import test, { type ExecutionContext } from 'ava';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { eventually } from '../../support/eventually.ts';
import { type Plane, type ServiceOptions, startPlane } from '../../support/plane.ts';
import { startApp, startRawApp } from '../../support/plane_app.ts';
import { startInstance, startRawInstance } from '../../support/plane_instance.ts';
import { goaway, headers, settings, settingsAck } from '../../support/wire_frames.ts';
import type { WirePeer } from '../../support/wire_peer.ts';

/** Longer than a connection must last for its end not to be a failed attempt. */
const LASTED = 2_000;
const MAX_CONCURRENT_STREAMS = 3;
const GRPC = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'shop'],
  ['content-type', 'application/grpc'],
] as const;

/** A raw instance that plays `play` on each connection; which one it is, from 0, comes with it. */
async function scripted(t: ExecutionContext, play: (peer: WirePeer, number: number) => void) {
  const peers: WirePeer[] = [];
  const address = await startRawInstance(t, (peer) => {
    peers.push(peer);
    play(peer, peers.length - 1);
  });
  return { address, peers };
}

/** The one endpoint of the service `shop`. */
function endpoint(plane: Plane) {
  const [only] = plane.data.get('shop')?.endpoints ?? [];
  if (only === undefined) throw new Error('there is no endpoint');
  return only;
}

const SHORT_LIVED: readonly (readonly [string, (peer: WirePeer) => void])[] = [
  [
    'says SETTINGS and ends',
    (peer) => {
      peer.greet();
      peer.socket.end();
    },
  ],
  [
    'says SETTINGS and GOAWAY, and ends',
    (peer) => {
      peer.greet().send(goaway(0, ERROR.ENHANCE_YOUR_CALM));
      peer.socket.end();
    },
  ],
  ['says SETTINGS and GOAWAY, and stays', (peer) => void peer.greet().send(goaway(0, ERROR.NO_ERROR))],
  ['ends without a word', (peer) => peer.destroy()],
];

for (const [what, play] of SHORT_LIVED) {
  test(`an instance that accepts and then ${what} is dialed again only after a while, each time a longer one`, async (t) => {
    const plane = await startPlane(t);
    const flapping = await scripted(t, play);
    plane.tell('shop', [flapping]);
    // The second failure in a row is a second later; a third is not due for another 1.3 s.
    await eventually(() => endpoint(plane).state === 'backoff' && endpoint(plane).failures === 2);
    t.is(flapping.peers.length, 2);
    const app = await startApp(t, plane);
    const call = app.call('shop');
    t.is(await call.ended(), '14 connect_failed');
    t.regex(call.message, /the only instance is not ready: .*: backoff, .* \(2 attempts\)/);
    t.is(flapping.peers.length, 2);
  });
}

test('nor is it dialed for a request that comes in the moment in which its connection ends', async (t) => {
  const plane = await startPlane(t);
  const [leaving, fine] = [await startInstance(t), await startInstance(t)];
  const app = await startRawApp(t, plane);
  let streamId = -1;
  for (let round = 1; round <= 5; round++) {
    await plane.serve('shop', [leaving, fine]);
    leaving.connections.at(-1)?.socket.destroy();
    // Before the sidecar has read the end, in the same turn, and just after it.
    for (let turn = 0; turn < 10; turn++) {
      for (let i = 0; i < 2; i++) {
        streamId += 2;
        app.send(headers(streamId, GRPC, { end: true }));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await app.next('HEADERS', streamId);
    // A connection that was dialed by then is accepted sooner than this one, which is dialed later.
    t.is(await (await startApp(t, plane)).call('shop').ended(), '0');
    t.is(leaving.connections.length, round);
    t.true(plane.states('shop').includes('backoff'));
    plane.tell('shop', [fine]);
  }
});

test('requests go on to the other instances while one flaps', async (t) => {
  const plane = await startPlane(t);
  const flapping = await scripted(t, SHORT_LIVED[0]?.[1] as (peer: WirePeer) => void);
  const fine = await startInstance(t);
  plane.tell('shop', [flapping, fine]);
  await eventually(() => plane.states('shop').toSorted().join() === 'backoff,ready');
  const app = await startApp(t, plane);
  let lost = 0;
  for (let i = 0; i < 10; i++) if ((await app.call('shop').ended()) !== '0') lost++;
  // On a slow machine it has been dialed again meanwhile: then a call may have been handed to it before it ended.
  t.true(lost < flapping.peers.length, `${lost} calls lost on ${flapping.peers.length} connections`);
  t.is(fine.requests.length, 10 - lost);
});

for (const [how, end] of [
  ['ends', (peer: WirePeer) => void peer.socket.end()],
  ['says GOAWAY', (peer: WirePeer) => void peer.send(goaway(0, ERROR.NO_ERROR))],
] as const) {
  test(`a connection that had lasted is replaced at once when it ${how}`, async (t) => {
    const plane = await startPlane(t);
    const instance = await scripted(t, (peer) => void peer.greet());
    const counters = await plane.serve('shop', [instance]);
    for (let round = 1; round <= 5; round++) {
      plane.skip(LASTED);
      end(instance.peers.at(-1) as WirePeer);
      await eventually(() => instance.peers.length === round + 1);
      await eventually(() => counters.connects(instance.address).ok === round + 1);
      t.is(endpoint(plane).failures, 0);
    }
    t.deepEqual(plane.states('shop'), ['ready']);
    t.false(plane.said('log').some(({ fields }) => fields.state === 'backoff'));
  });
}

test('a request that comes while a connection that had lasted is being replaced waits for the new one', async (t) => {
  const plane = await startPlane(t);
  // The second connection says nothing before it is told to.
  const instance = await scripted(t, (peer, number) => {
    if (number === 0) peer.greet();
  });
  await plane.serve('shop', [instance]);
  plane.skip(LASTED);
  instance.peers[0]?.socket.end();
  await eventually(() => instance.peers.length === 2);
  const app = await startApp(t, plane);
  const call = app.call('shop');
  await eventually(() => plane.data.get('shop')?.inFlight === 1);
  const peer = instance.peers[1] as WirePeer;
  peer.greet();
  const { streamId } = await peer.next('HEADERS');
  peer.send(
    headers(
      streamId,
      [
        [':status', '200'],
        ['grpc-status', '0'],
      ],
      { end: true },
    ),
  );
  t.is(await call.ended(), '0');
});

/** An instance with room for one request, whose first connection works; `play` is what becomes of any further one. */
async function crowded(t: ExecutionContext, play: (peer: WirePeer) => void, options: ServiceOptions = {}) {
  const plane = await startPlane(t);
  const instance = await scripted(t, (peer, number) => {
    if (number > 0) return play(peer);
    peer.send(settings([MAX_CONCURRENT_STREAMS, 1]), settingsAck());
    void (async () => {
      for (;;) {
        const { streamId } = await peer.next('HEADERS');
        peer.send(
          headers(
            streamId,
            [
              [':status', '200'],
              ['grpc-status', '0'],
            ],
            { end: true },
          ),
        );
      }
    })().catch(() => {});
  });
  await plane.serve('shop', [instance], options);
  return { plane, instance, app: await startApp(t, plane) };
}

for (const [what, play] of SHORT_LIVED) {
  test(`a further connection on which the instance ${what} is not tried again for every request`, async (t) => {
    const { instance, app } = await crowded(t, play);
    const begun = performance.now();
    const outcomes: string[] = [];
    for (let round = 0; round < 20; round++) {
      const calls = Array.from({ length: 10 }, () => app.call('shop'));
      for (const call of calls) outcomes.push(await call.ended());
    }
    // Each failure makes the pause longer, from a second on. One more may have been on its way each time: the requests that a
    // connection refuses with its GOAWAY ask for another one before it counts as lost.
    const further = instance.peers.length - 1;
    const pauses = Math.floor((performance.now() - begun) / 800);
    t.true(further >= 1 && further <= 2 * (1 + pauses), `${further} further connections in ${pauses} pauses`);
    // At most those calls were lost that had been handed to such a connection.
    const lost = outcomes.filter((outcome) => outcome !== '0');
    t.true(lost.length <= 9 * further && lost.every((outcome) => outcome.startsWith('14 upstream_')), lost.join());
  });
}

test('a further connection is tried again when its pause is over', async (t) => {
  const { plane, instance, app } = await crowded(t, (peer) => peer.destroy());
  for (let tries = 1; tries <= 4; tries++) {
    await eventually(async () => {
      const calls = [app.call('shop'), app.call('shop')];
      for (const call of calls) await call.ended();
      return instance.peers.length === 1 + tries && endpoint(plane).freeConnection() !== null;
    });
    plane.skip(10_000);
  }
  t.pass();
});

test('there are never more connections to an instance than its limit, whatever is asked of it', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {}, limits: { maxConcurrentStreams: 2 } });
  const counters = await plane.serve('shop', [instance], { limits: { connectionsPerInstance: 3 } });
  const app = await startApp(t, plane);
  const calls = Array.from({ length: 20 }, () => app.call('shop'));
  await eventually(() => instance.requests.length === 6 && counters.pending === 14);
  t.is(instance.connections.length, 3);
  for (let at = 0; at < calls.length; at++) {
    await eventually(() => instance.requests.length > at);
    instance.requests[at]?.ok();
  }
  for (const call of calls) t.is(await call.ended(), '0');
  t.is(instance.connections.length, 3);
});
