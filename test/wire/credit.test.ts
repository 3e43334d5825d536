import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { Flusher } from '../../src/http2/flusher.ts';
import { ERROR, SETTING } from '../../src/http2/frame/codes.ts';
import { hold, release } from '../../src/http2/held.ts';
import type { Limits } from '../../src/http2/limits.ts';
import { eventually } from '../support/eventually.ts';
import { data, headers, rstStream, settings, windowUpdate } from '../support/wire_frames.ts';
import { ObedientSender } from '../support/wire_obedient.ts';
import type { WirePeer } from '../support/wire_peer.ts';
import { holds } from '../support/wire_property.ts';
import { RelaySide } from '../support/wire_relay.ts';
import { againstClient, againstServer, GET, OK, POST } from '../support/wire_setup.ts';

const STREAM_WINDOW = 20_000;
const CONNECTION_WINDOW = 100_000;
const LIMITS: Partial<Limits> = { streamWindow: STREAM_WINDOW, connectionWindow: CONNECTION_WINDOW };

/** All that may wait in one thread (`held.ts`). */
const MAX_HELD = 64 * 1024 * 1024;

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 7)) & 0xff));

interface Relay {
  /** The raw ends: one asks, the other answers. */
  readonly client: WirePeer;
  readonly server: WirePeer;
  readonly down: RelaySide;
  readonly up: RelaySide;
}

/** A raw client, a relay of two connections that share a flusher, and a raw server. */
async function relay(
  t: ExecutionContext<unknown>,
  options: { windows?: number; over?: 'memory' | 'tcp'; highWaterMark?: number } = {},
): Promise<Relay> {
  const flusher = new Flusher();
  const [down, up] = [new RelaySide(), new RelaySide()];
  const common = {
    limits: LIMITS,
    flusher,
    over: options.over ?? 'memory',
    settings: [[SETTING.INITIAL_WINDOW_SIZE, options.windows ?? 65_535]],
    ...(options.highWaterMark === undefined ? {} : { highWaterMark: options.highWaterMark }),
  } as const;
  const [below, above] = [
    await againstServer<RelaySide>(t, { ...common, owner: down }),
    await againstClient<RelaySide>(t, { ...common, owner: up }),
  ];
  down.next = above.connection;
  return { client: below.peer, server: above.peer, down, up };
}

/** Everything that either end has sent has arrived, and so has the credit for it. */
async function settle({ client, server }: Relay): Promise<void> {
  for (const peer of [server, client, server, client]) await peer.sync();
}

/** Opens stream 1 through the relay, answered with headers and no more; both bodies are still to come. */
async function open(wires: Relay, count = 1): Promise<void> {
  for (let i = 0; i < count; i++) {
    wires.client.send(headers(2 * i + 1, POST));
    await wires.server.next('HEADERS', 2 * i + 1);
    wires.server.send(headers(2 * i + 1, OK));
    await wires.client.next('HEADERS', 2 * i + 1);
  }
}

test('credit is given when the other side’s socket has taken the octets, not when they were read', async (t) => {
  const wires = await relay(t, { highWaterMark: 1_000 });
  const { client, server, up } = wires;
  await open(wires);
  await settle(wires);
  client.pause();
  server.send(data(1, bytes(12_000)));
  await server.sync();
  t.is(up.octets, 12_000);
  t.deepEqual(server.of('WINDOW_UPDATE', 1), []);
  client.resume();
  t.is((await server.next('WINDOW_UPDATE', 1)).increment, 12_000);
});

for (const over of ['memory', 'tcp'] as const) {
  test(`a reader that stops reading stops the sender at the windows granted; what we hold is never more (over ${over})`, async (t) => {
    const wires = await relay(t, { over, windows: 2 ** 30, highWaterMark: 1_000 });
    const { client, server, up } = wires;
    client.send(windowUpdate(0, 2 ** 30));
    await open(wires, 3);
    await settle(wires);
    client.pause();
    const sender = new ObedientSender(server, STREAM_WINDOW);
    const body = bytes(16_000);
    // Sends until three round trips have brought no credit.
    for (let idle = 0; idle < 3; idle++) {
      for (const id of [1, 3, 5]) while (sender.send(id, body) > 0) idle = 0;
      await server.sync();
    }
    const held = [1, 3, 5].map((id) => STREAM_WINDOW - sender.left(id));
    // Credit comes in steps of half a window, so that up to half of each may be ours already and not announced.
    t.true(
      held.every((octets) => octets > STREAM_WINDOW / 2 && octets <= STREAM_WINDOW),
      String(held),
    );
    const stuck = up.octets;
    t.true(stuck > 0);
    if (over === 'memory') t.true(stuck <= 4 * STREAM_WINDOW, String(stuck));
    client.resume();
    await eventually(() => client.body(1).length + client.body(3).length + client.body(5).length === stuck);
    await settle(wires);
    for (const id of [1, 3, 5]) t.true(sender.left(id) > STREAM_WINDOW / 2);
  });
}

test('what waits for the window of its stream is credited on the connection at once, on its stream only when written', async (t) => {
  const wires = await relay(t, { windows: 0 });
  const { client, server, up } = wires;
  await open(wires, 10);
  const sender = new ObedientSender(server, STREAM_WINDOW);
  for (let id = 1; id <= 19; id += 2) {
    t.is(sender.send(id, bytes(STREAM_WINDOW)) + sender.send(id, bytes(STREAM_WINDOW)), STREAM_WINDOW);
    await server.sync();
  }
  t.is(up.octets, 10 * STREAM_WINDOW);
  t.true(sender.left(0) > CONNECTION_WINDOW / 2);
  t.deepEqual(
    server.of('WINDOW_UPDATE').filter((frame) => frame.streamId !== 0),
    [],
  );
  client.send(windowUpdate(0, 1_000_000), settings([SETTING.INITIAL_WINDOW_SIZE, STREAM_WINDOW]));
  await settle(wires);
  for (let id = 1; id <= 19; id += 2) t.true(sender.left(id) > STREAM_WINDOW / 2);
  t.true(sender.left(0) > CONNECTION_WINDOW / 2 && sender.left(0) <= CONNECTION_WINDOW);
});

// Alone, since it takes nearly all the room that the connections of a thread share.
test.serial(
  'when too much waits in all, connection credit is kept back as well, so that what waits stays bounded',
  async (t) => {
    const room = 30_000;
    const taken = MAX_HELD - room;
    t.true(hold(taken));
    const wires = await relay(t, { windows: 0 });
    const { client, server, up } = wires;
    await open(wires, 10);
    const sender = new ObedientSender(server, STREAM_WINDOW);
    for (let id = 1; id <= 19; id += 2) {
      while (sender.send(id, bytes(5_000)) > 0);
      await server.sync();
    }
    t.true(up.octets >= CONNECTION_WINDOW && up.octets <= CONNECTION_WINDOW + room, String(up.octets));
    release(taken);
    client.send(windowUpdate(0, 1_000_000), settings([SETTING.INITIAL_WINDOW_SIZE, STREAM_WINDOW]));
    await settle(wires);
    t.is(
      client.of('DATA').reduce((sum, { payload }) => sum + payload.length, 0),
      up.octets,
    );
    t.true(sender.left(0) > CONNECTION_WINDOW / 2 && sender.left(0) <= CONNECTION_WINDOW);
  },
);

test.after('nothing is accounted as waiting when nothing waits', (t) => {
  t.true(hold(MAX_HELD));
  release(MAX_HELD);
});

test('one slow stream does not take the windows of the others', async (t) => {
  const wires = await relay(t, { windows: 0 });
  const { client, server } = wires;
  await open(wires, 2);
  client.send(windowUpdate(3, 1_000_000), windowUpdate(0, 1_000_000));
  await settle(wires);
  const sender = new ObedientSender(server, STREAM_WINDOW);
  while (sender.send(1, bytes(10_000)) > 0);
  const body = bytes(300_000);
  for (let at = 0; at < body.length; ) {
    at += sender.send(3, body.subarray(at, at + 9_000));
    await server.sync();
  }
  await settle(wires);
  t.deepEqual(client.body(3), body);
  t.is(client.body(1).length, 0);
});

test('a response whose end waited for a window is credited once', async (t) => {
  const wires = await relay(t, { windows: 0 });
  const { client, server } = wires;
  const sender = new ObedientSender(server, STREAM_WINDOW);
  let before = sender.left(0);
  for (let id = 1; id <= 41; id += 2) {
    client.send(headers(id, GET, { end: true }));
    await server.next('HEADERS', id);
    server.send(headers(id, OK));
    t.is(sender.send(id, bytes(10_000), { end: true }), 10_000);
    client.send(windowUpdate(0, 10_000), windowUpdate(id, 10_000));
    t.true((await client.next('DATA', (frame) => frame.streamId === id && frame.endStream)).endStream);
    await settle(wires);
    t.true(
      sender.left(0) <= CONNECTION_WINDOW && sender.left(0) > CONNECTION_WINDOW / 2,
      `${sender.left(0)}, was ${before}`,
    );
    before = sender.left(0);
  }
});

test('what was under way to a client that went away is credited: written or not, waiting for a window or not', async (t) => {
  for (const windows of [0, 5_000, 2 ** 30]) {
    const wires = await relay(t, { windows, highWaterMark: 1_000 });
    const { client, server, up } = wires;
    await open(wires, 5);
    await settle(wires);
    client.pause();
    const sender = new ObedientSender(server, STREAM_WINDOW);
    for (let id = 1; id <= 9; id += 2) {
      t.is(sender.send(id, bytes(12_000)), 12_000);
      await server.sync();
    }
    t.is(up.octets, 60_000);
    client.destroy();
    for (let id = 1; id <= 9; id += 2) t.is((await server.next('RST_STREAM', id)).errorCode, ERROR.CANCEL);
    await server.sync();
    t.true(sender.left(0) > CONNECTION_WINDOW / 2, `${sender.left(0)} left`);
  }
});

interface Move {
  readonly stream: number;
  readonly octets: number;
  readonly next:
    | 'send'
    | 'grant'
    | 'grant all'
    | 'end'
    | 'trailers'
    | 'reset by sender'
    | 'reset by receiver'
    | 'settle';
}
const move: fc.Arbitrary<Move> = fc.record({
  stream: fc.nat(3),
  octets: fc.oneof(fc.nat(30), fc.nat(9_000)),
  next: fc.oneof(
    { weight: 8, arbitrary: fc.constant('send' as const) },
    { weight: 5, arbitrary: fc.constantFrom('grant' as const, 'grant all' as const) },
    { weight: 3, arbitrary: fc.constantFrom('end' as const, 'trailers' as const, 'settle' as const) },
    { weight: 1, arbitrary: fc.constantFrom('reset by sender' as const, 'reset by receiver' as const) },
  ),
});

for (const direction of ['response', 'request'] as const) {
  test(`through two connections, ${direction} bodies arrive whole and in order, however windows open, and no window leaks`, async (t) => {
    await holds(
      t,
      fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 60 }), async (moves) => {
        const wires = await relay(t, { windows: 100 });
        const [from, to] = direction === 'response' ? [wires.server, wires.client] : [wires.client, wires.server];
        await open(wires, 4);
        const sender = new ObedientSender(from, STREAM_WINDOW);
        const sent = new Map<number, Buffer[]>();
        const [ended, reset] = [new Set<number>(), new Set<number>()];
        for (const { stream, octets, next } of moves) {
          const id = 2 * stream + 1;
          if (next === 'settle') await settle(wires);
          else if (next === 'grant all') to.send(windowUpdate(0, octets + 1));
          else if (reset.has(id)) continue;
          else if (next === 'grant') to.send(windowUpdate(id, octets + 1));
          else if (next === 'reset by receiver') {
            to.send(rstStream(id, ERROR.CANCEL));
            reset.add(id);
          } else if (ended.has(id)) continue;
          else if (next === 'send' || next === 'end') {
            const body = bytes(octets);
            const size = sender.send(id, body, { end: next === 'end' });
            sent.set(id, [...(sent.get(id) ?? []), body.subarray(0, size)]);
            if (next === 'end' && size === octets) ended.add(id);
          } else if (next === 'trailers') {
            from.send(headers(id, [['x-end', 'here']], { end: true }));
            ended.add(id);
          } else {
            from.send(rstStream(id, ERROR.CANCEL));
            reset.add(id);
          }
        }
        to.send(windowUpdate(0, 10_000_000), settings([SETTING.INITIAL_WINDOW_SIZE, 10_000_000]));
        await settle(wires);
        for (let id = 1; id <= 7; id += 2) {
          if (reset.has(id)) continue;
          if (!to.body(id).equals(Buffer.concat(sent.get(id) ?? []))) throw new Error(`the body of ${id} differs`);
          const over = to.received.some((frame) => frame.streamId === id && frame.endStream);
          if (over !== ended.has(id)) throw new Error(`stream ${id} ended: ${over}`);
        }
        const lacking = CONNECTION_WINDOW - sender.left(0);
        if (lacking < 0 || lacking * 2 >= CONNECTION_WINDOW) throw new Error(`the connection window lacks ${lacking}`);
        const tokens = [...wires.down.tokens, ...wires.up.tokens];
        if (tokens.some((token) => token !== 'data_on_closed_stream')) throw new Error(`errors: ${tokens}`);
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });
}
