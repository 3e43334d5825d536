import test, { type ExecutionContext } from 'ava';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance, startRawInstance } from '../../support/plane_instance.ts';
import { goaway, ping } from '../../support/wire_frames.ts';
import type { WirePeer } from '../../support/wire_peer.ts';

/** An instance that takes a call and is silent from then on; the sweeps that its connection gets are the test's. */
async function silent(t: ExecutionContext) {
  const plane = await startPlane(t);
  const peers: WirePeer[] = [];
  const address = await startRawInstance(t, (peer) => void peers.push(peer.greet()));
  const counters = await plane.serve('shop', [{ address }]);
  const app = await startApp(t, plane);
  const call = app.call('shop');
  const [peer] = peers as [WirePeer];
  await peer.next('HEADERS');
  const sweep = (times: number): void => {
    for (let i = 0; i < times; i++) plane.data.get('shop')?.sweep();
  };
  return { plane, address, peers, peer, counters, app, call, sweep };
}

const PINGS = (peer: WirePeer): number => peer.of('PING').filter(({ ack }) => !ack).length;

test('an instance that hangs is pinged, then its connection is given up: its calls end, new ones go elsewhere', async (t) => {
  const { plane, address, peer, call, app, sweep } = await silent(t);
  sweep(5);
  await peer.next('PING', ({ ack }) => !ack);
  t.false(call.over);
  sweep(8);
  t.is(await call.ended(), '14 upstream_closed');
  await peer.end();
  const fine = await startInstance(t);
  plane.tell('shop', [{ address }, fine]);
  await eventually(() => plane.states('shop').includes('ready'));
  t.is(await app.call('shop').ended(), '0');
});

test('one that hangs and has left the registry is pinged and given up as well', async (t) => {
  const { plane, peer, call } = await silent(t);
  const fine = await startInstance(t);
  plane.tell('shop', [fine]);
  const sweep = (times: number): void => {
    for (let i = 0; i < times; i++) for (const endpoint of plane.data.leaving) endpoint.sweep();
  };
  t.is(plane.data.leaving.size, 1);
  sweep(5);
  await peer.next('PING', ({ ack }) => !ack);
  t.false(call.over);
  sweep(8);
  t.is(await call.ended(), '14 upstream_closed');
  await peer.end();
  await eventually(() => plane.data.leaving.size === 0);
});

test('one that answers the PING keeps its calls', async (t) => {
  const { peer, call, sweep } = await silent(t);
  sweep(5);
  const asked = await peer.next('PING', ({ ack }) => !ack);
  peer.send(ping(asked.payload, true));
  await peer.sync();
  sweep(100);
  await peer.sync();
  t.false(call.over);
  t.is(PINGS(peer), 1);
});

test('an instance that calls our PINGs too many is asked half as often from then on, also on its next connection', async (t) => {
  const { plane, peer, peers, counters, address, app, sweep } = await silent(t);
  sweep(5);
  await peer.next('PING', ({ ack }) => !ack);
  plane.skip(2_000);
  peer.send(goaway(1, ERROR.ENHANCE_YOUR_CALM, 'too_many_pings'));
  await eventually(() => counters.connects(address).ok === 2);
  const next = peers[1] as WirePeer;
  app.call('shop');
  await next.next('HEADERS');
  sweep(7);
  // It comes after anything that the sweeps may have led to.
  app.call('shop');
  await next.next('HEADERS');
  t.is(PINGS(next), 0);
  sweep(3);
  await next.next('PING', ({ ack }) => !ack);
});
