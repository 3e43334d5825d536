import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { DOWNSTREAM_LIMITS } from '../../../src/http2/limits.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { type Call, startApp, startRawApp } from '../../support/plane_app.ts';
import { type Instance, type Received, startInstance, startRawInstance } from '../../support/plane_instance.ts';
import { data, goaway, headers } from '../../support/wire_frames.ts';
import type { WirePeer } from '../../support/wire_peer.ts';
import { holds } from '../../support/wire_property.ts';

/** What a call may buffer to be sent again (gRFC A6). */
const REPLAY_LIMIT = 64 * 1024;

const refuse = (request: Received): void => request.reset(ERROR.REFUSED_STREAM);

/** An instance that answers SETTINGS, and to whose requests the test does what it wants, as raw frames. */
async function rawInstance(
  t: Parameters<typeof startRawInstance>[0],
  react: (peer: WirePeer, streamId: number) => void,
) {
  const peers: WirePeer[] = [];
  const address = await startRawInstance(t, (peer) => {
    peers.push(peer);
    peer.greet();
    void (async () => {
      for (;;) react(peer, (await peer.next('HEADERS')).streamId);
    })().catch(() => {});
  });
  return { address, peers };
}

test('a request that an instance refuses goes to another one; the caller does not notice', async (t) => {
  const plane = await startPlane(t);
  const [busy, fine] = [await startInstance(t, { begun: refuse }), await startInstance(t)];
  const counters = await plane.serve('shop', [busy, fine]);
  const app = await startApp(t, plane);
  let again = 0;
  for (let i = 0; i < 8; i++) {
    const call = app.call('shop', { headers: ['x-outrigger-debug', '1'] });
    t.is(await call.ended(), '0');
    t.is(call.field('x-outrigger-instance'), fine.address);
    again += Number(call.field('x-outrigger-attempts')) - 1;
  }
  t.is(fine.requests.length, 8);
  t.true(again >= 3 && again <= 8, String(again));
  t.is(busy.requests.length, again);
  t.is(counters.retries, again);
  t.deepEqual(counters.requests, { '2xx 0': 8 });
});

test('a request is sent again exactly once: the second refusal is the answer', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, { begun: refuse }), await startInstance(t, { begun: refuse })];
  const counters = await plane.serve('shop', instances);
  const app = await startApp(t, plane);
  const call = app.call('shop', { headers: ['x-outrigger-debug', '1'] });
  t.is(await call.ended(), '14 upstream_reset');
  t.is(call.field('x-outrigger-attempts'), '2');
  t.deepEqual(
    instances.map(({ requests }) => requests.length),
    [1, 1],
  );
  t.is(counters.retries, 1);
  t.regex(call.message, /reset the stream with REFUSED_STREAM/);
});

test('however many are refused at once, each goes to another instance than the one that refused it', async (t) => {
  const plane = await startPlane(t);
  const [busy, fine] = [await startInstance(t, { begun: refuse }), await startInstance(t)];
  await plane.serve('shop', [busy, fine]);
  const app = await startApp(t, plane);
  const calls = Array.from({ length: 100 }, () => app.call('shop'));
  for (const call of calls) t.is(await call.ended(), '0');
  t.is(busy.requests.length, 50);
});

test('where there is no other instance, the one that refused is asked again', async (t) => {
  const plane = await startPlane(t);
  let first = true;
  const only = await startInstance(t, {
    begun: (request) => {
      if (first) refuse(request);
      else request.ok();
      first = false;
    },
  });
  await plane.serve('shop', [only]);
  const app = await startApp(t, plane);
  t.is(await app.call('shop').ended(), '0');
  t.is(only.requests.length, 2);
});

test('a request above the last id of a GOAWAY goes to another instance, one at or below it is not sent again', async (t) => {
  const plane = await startPlane(t);
  // Takes the first request, then says that it is the last one, and ends without an answer when it is told to.
  let waiting: { peer: WirePeer; last: number } | null = null;
  const leaving = await rawInstance(t, (peer, streamId) => {
    if (streamId === 1) waiting = { peer, last: streamId };
    else peer.send(goaway(1, ERROR.NO_ERROR));
  });
  const fine = await startInstance(t);
  await plane.serve('shop', [leaving, fine]);
  const app = await startApp(t, plane);
  const calls = [app.call('shop'), app.call('shop'), app.call('shop'), app.call('shop')];
  await eventually(() => calls.filter(({ over }) => over).length === 3);
  t.is(fine.requests.length, 3);
  const [open] = calls.filter(({ over }) => !over) as [Call];
  (waiting as { peer: WirePeer } | null)?.peer.destroy();
  t.is(await open.ended(), '14 upstream_closed');
  t.deepEqual(
    calls.filter((call) => call !== open).map(({ outcome }) => outcome),
    ['0', '0', '0'],
  );
  t.is(fine.requests.length, 3);
});

test('a request that was handed over when its connection was lost is answered with upstream_closed, and never sent twice', async (t) => {
  const plane = await startPlane(t);
  const asked: Received[] = [];
  const lost = await startInstance(t, { begun: (request) => void asked.push(request) });
  const counters = await plane.serve('shop', [lost]);
  const app = await startApp(t, plane);
  const calls = [app.call('shop'), app.call('shop', { body: Buffer.alloc(1_000) }), app.call('shop', { body: null })];
  const plain = app.call('shop', { grpc: false });
  await eventually(() => asked.length === 4);
  const other = await startInstance(t);
  await plane.serve('shop', [lost, other]);
  lost.connections[0]?.socket.destroy();
  for (const call of calls) {
    t.is(await call.ended(), '14 upstream_closed');
    t.true(
      call.message.includes(`instance ${lost.address} of service "shop" was lost before any response`),
      call.message,
    );
  }
  t.is(await plain.ended(), '502 upstream_closed');
  t.is(other.requests.length, 0);
  t.is(asked.length, 4);
  t.is(counters.retries, 0);
});

test('an answer that had begun ends with the status of a lost connection, not with silence', async (t) => {
  const plane = await startPlane(t);
  const lost = await startInstance(t, {
    begun: (request) => request.headers([':status', '200', 'content-type', 'application/grpc']),
  });
  await plane.serve('shop', [lost]);
  const app = await startApp(t, plane);
  const [call, plain] = [app.call('shop'), app.call('shop', { grpc: false })];
  await eventually(() => call.status === 200 && plain.status === 200);
  lost.connections[0]?.socket.destroy();
  t.is(await call.ended(), '14 upstream_closed');
  t.true(call.hasTrailers);
  await plain.ended();
  t.is(plain.resetCode, ERROR.INTERNAL_ERROR);
});

const HEADERS = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'shop'],
  ['content-type', 'application/grpc'],
] as const;

for (const [end, close] of [
  ['ended', (socket: Socket) => socket.destroy()],
  ['was reset', (socket: Socket) => socket.resetAndDestroy()],
] as const) {
  test(`a request that was not yet handed to the socket when its connection ${end} goes to another instance, body and all`, async (t) => {
    const plane = await startPlane(t);
    const [leaving, fine] = [await startInstance(t, { begun() {} }), await startInstance(t)];
    const app = await startRawApp(t, plane);
    const counters = plane.tell('shop', [fine]);
    const bodies: Buffer[] = [];
    for (let i = 0; i < 20; i++) {
      await plane.serve('shop', [leaving, fine]);
      const connection = leaving.connections.at(-1) as Instance['connections'][number];
      // It has read all that it was sent, the acknowledgement of its SETTINGS last.
      await eventually(() => connection.http2.receiver.initialWindow === DOWNSTREAM_LIMITS.streamWindow);
      const body = Buffer.alloc(i * 100, i);
      bodies.push(body);
      // Both are read in the same turn, one after the other, before anything is written.
      app.send(headers(2 * i + 1, HEADERS), data(2 * i + 1, body, { end: true }));
      close(connection.socket);
      const answer = await app.next('HEADERS', 2 * i + 1);
      t.deepEqual([answer.field('grpc-status'), answer.field('x-outrigger-reason')], ['0', undefined]);
      plane.tell('shop', [fine]);
    }
    t.is(leaving.requests.length, 0);
    t.deepEqual(
      fine.requests.map(({ body }) => body),
      bodies,
    );
    // Of two instances in turn, about half of the requests had been given to the one that went; it may also have been known in time.
    t.true(counters.retries >= 2, String(counters.retries));
  });
}

/** Any octets: what is put in the wrong place shows. */
const CONTENT = randomBytes(64_000);
const piece = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 40_000 }));
const upload = fc.record({
  pieces: fc.array(piece, { maxLength: 8 }),
  trailers: fc.boolean(),
  /** After which piece the instance refuses; 9: when the request has ended. */
  refusedAfter: fc.nat(9),
  settled: fc.boolean(),
});

test('a body of up to 64 KiB arrives whole when the request is sent again, wherever it was cut; a longer one is not sent again', async (t) => {
  const plane = await startPlane(t);
  const busy = await startInstance(t, { begun() {} });
  const fine = await startInstance(t);
  await plane.serve('shop', [busy, fine]);
  const app = await startApp(t, plane);
  let number = 0;
  await holds(
    t,
    fc.asyncProperty(upload, async ({ pieces, trailers, refusedAfter, settled }) => {
      const id = String(number++);
      const seen = (instance: Instance): Received | undefined =>
        instance.requests.find((request) => request.values('x-id')[0] === id);
      const call = app.call('shop', { body: null, headers: ['x-id', id] });
      const whole: Buffer[] = [];
      const atEnd = refusedAfter === 9;
      const refuseAt = Math.min(refusedAfter, pieces.length);
      let refused = false;
      const tryRefuse = async (): Promise<void> => {
        await eventually(() => seen(busy) !== undefined || seen(fine) !== undefined);
        const request = seen(busy);
        if (request === undefined) return;
        if (settled) await eventually(() => request.body.length === Buffer.concat(whole).length);
        request.reset(ERROR.REFUSED_STREAM);
        refused = true;
      };
      for (const [i, size] of pieces.entries()) {
        if (i === refuseAt) await tryRefuse();
        const from = 1_000 * i + number;
        const octets = CONTENT.subarray(from, from + size);
        whole.push(octets);
        call.send(octets);
      }
      if (refuseAt === pieces.length && !atEnd) await tryRefuse();
      if (trailers) call.end(['x-end', id]);
      else call.send(Buffer.alloc(0), true);
      if (atEnd) await tryRefuse();
      const outcome = await call.ended();
      const body = Buffer.concat(whole);
      // What came before the refusal decides; of what was on its way, the sidecar may have seen a part.
      const before = whole.slice(0, refuseAt).reduce((sum, { length }) => sum + length, 0);
      if (outcome === '0') {
        const request = seen(fine) as Received;
        if (!request.body.equals(body)) throw new Error(`${request.body.length} octets of ${body.length} arrived`);
        if ((request.trailers?.get('x-end') ?? null) !== (trailers ? id : null))
          throw new Error('other trailers arrived');
        if (refused && settled && before > REPLAY_LIMIT) throw new Error('sent again, though it could not be kept');
      } else {
        // A refusal may cross what is sent after it.
        if (!refused || body.length <= REPLAY_LIMIT) throw new Error(`${outcome}, with ${body.length} octets`);
        if (outcome !== '14 upstream_reset') throw new Error(outcome);
      }
      const times = fine.requests.filter((request) => request.values('x-id')[0] === id).length;
      if (times > 1) throw new Error(`sent ${times} times`);
    }),
    { numRuns: 150 },
  );
  t.deepEqual([app.owner.tokens, busy.tokens, fine.tokens], [[], [], []]);
});
