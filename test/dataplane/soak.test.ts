import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { ERROR } from '../../src/http2/frame/codes.ts';
import { hold, release } from '../../src/http2/held.ts';
import type { Limits } from '../../src/http2/limits.ts';
import { everyConnection, lackingCredit } from '../support/connections.ts';
import { eventually } from '../support/eventually.ts';
import { type Plane, startPlane } from '../support/plane.ts';
import { type App, type Call, startApp } from '../support/plane_app.ts';
import { type Instance, type Received, startInstance } from '../support/plane_instance.ts';
import { seeded } from '../support/seeded.ts';

const REQUESTS = 1_000;
const OPEN_AT_ONCE = 100;
/** So that some requests have to wait for a free stream. */
const FEW_CONNECTIONS = { limits: { connectionsPerInstance: 1 } };
/** All that may wait in one thread (`held.ts`). */
const MAX_HELD = 64 * 1024 * 1024;
const SIZES = [0, 1, 50, 5_000, 20_000, 70_000, 150_000, 300_000];
const FILLING = Buffer.alloc(40_000, 7);

const connections = everyConnection();

class Dice {
  readonly random: () => number;
  constructor(seed: number) {
    this.random = seeded(seed);
  }
  below(count: number): number {
    return Math.floor(this.random() * count);
  }
  chance(probability: number): boolean {
    return this.random() < probability;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** Sends a body in pieces of any size. */
function sendBody(
  to: { data?(octets: Buffer, end: boolean): void; send?(octets: Buffer, end: boolean): void },
  dice: Dice,
  end: boolean,
): void {
  const write = (octets: Buffer, last: boolean): void => (to.data ?? to.send)?.call(to, octets, last);
  let left = dice.pick(SIZES);
  if (left === 0 && end) write(FILLING.subarray(0, 0), true);
  while (left > 0) {
    const size = Math.min(left, 1 + dice.below(FILLING.length));
    left -= size;
    write(FILLING.subarray(0, size), end && left === 0);
  }
}

/** What an instance may do with a request, soon or late, before its end or after it. */
function answer(request: Received, instance: Instance, dice: Dice): void {
  if (!request.stream.writable) return;
  const connection = instance.connections.find(({ http2 }) => http2 === request.stream.connection);
  const how = dice.below(12);
  if (how === 0) return request.reset(ERROR.REFUSED_STREAM);
  if (how === 1) return request.reset(ERROR.INTERNAL_ERROR);
  if (how === 2) return void setTimeout(() => request.reset(ERROR.CANCEL), dice.below(10));
  if (how === 3)
    return request.headers([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '5'], true);
  request.headers([':status', '200', 'content-type', 'application/grpc']);
  if (how === 4) {
    sendBody(request, dice, false);
    return void setTimeout(() => request.reset(ERROR.INTERNAL_ERROR), dice.below(10));
  }
  const trailers = dice.chance(0.6);
  sendBody(request, dice, !trailers);
  if (trailers) request.end(['grpc-status', '0']);
  if (how === 5 && dice.chance(0.3)) request.stream.connection.stopReceiving(request.stream);
  if (how === 6 && dice.chance(0.05)) request.stream.connection.shutdown();
  if (how === 7 && dice.chance(0.02)) setTimeout(() => connection?.socket.destroy(), dice.below(10));
}

async function instances(t: ExecutionContext, dice: Dice): Promise<Instance[]> {
  const limits: Partial<Limits>[] = [
    { maxConcurrentStreams: 3 },
    { maxConcurrentStreams: 6, streamWindow: 65_535 },
    { maxConcurrentStreams: 12, connectionWindow: 300_000, streamWindow: 100_000 },
  ];
  const all: Instance[] = [];
  for (const limit of limits) {
    const early = new Set<Received>();
    const instance: Instance = await startInstance(t, {
      limits: limit,
      begun(request) {
        if (!dice.chance(0.4)) return;
        early.add(request);
        if (dice.chance(0.5)) setTimeout(() => answer(request, instance, dice), dice.below(15));
        else answer(request, instance, dice);
      },
      ended(request) {
        if (!early.has(request)) answer(request, instance, dice);
      },
    });
    all.push(instance);
  }
  return all;
}

/** A call of any kind, which may be cancelled at any time. */
function call(app: App, dice: Dice): Call {
  const headers: string[] = [];
  if (dice.chance(0.2)) headers.push('x-version', dice.pick(['v1', 'v1', 'v2', 'v9']));
  if (dice.chance(0.2)) headers.push('grpc-timeout', `${5 + dice.below(60)}m`);
  const grpc = dice.chance(0.7);
  if (dice.chance(0.3)) return cancelled(app.call('shop', { headers, grpc }), dice, 0.1);
  const made = app.call('shop', { headers, grpc, body: null });
  const how = dice.below(4);
  sendBody(made, dice, how === 0);
  if (how === 1) made.end(['x-end', 'here']);
  if (how === 2) setTimeout(() => sendBody(made, dice, true), dice.below(10));
  return cancelled(made, dice, how === 3 ? 1 : 0.1);
}

function cancelled(made: Call, dice: Dice, probability: number): Call {
  if (dice.chance(probability)) setTimeout(() => made.cancel(), dice.below(25));
  return made;
}

/** Any part of the set leaves, comes back, or changes its version. */
function shuffle(plane: Plane, all: readonly Instance[], dice: Dice): void {
  const some = all.filter(() => dice.chance(0.7));
  plane.tell(
    'shop',
    some.map(({ address }) => ({ address, version: dice.pick(['v1', 'v2']) })),
    FEW_CONNECTIONS,
  );
}

for (const seed of [1, 2]) {
  test.serial(
    `after ${REQUESTS} requests of all kinds everything is at rest, and nothing has leaked (seed ${seed})`,
    async (t) => {
      const dice = new Dice(seed);
      const plane = await startPlane(t);
      const all = await instances(t, dice);
      const everyone = all.map(({ address }, i) => ({ address, version: i === 0 ? 'v1' : 'v2' }));
      const counters = await plane.serve('shop', everyone, FEW_CONNECTIONS);
      const apps = [
        await startApp(t, plane),
        await startApp(t, plane, { limits: { streamWindow: 65_535 } }),
        await startApp(t, plane, { limits: { streamWindow: 10_000, connectionWindow: 120_000 } }),
      ];
      const calls: Call[] = [];
      let open: Call[] = [];
      let waited = 0;
      while (calls.length < REQUESTS) {
        open = open.filter(({ over }) => !over);
        const burst = open.length > OPEN_AT_ONCE ? 0 : 1 + dice.below(10);
        for (let i = 0; i < burst; i++) {
          const app = dice.pick(apps);
          if (!app.http2.canOpen) continue;
          const made = call(app, dice);
          calls.push(made);
          open.push(made);
        }
        // The event loop turns, so that what was written is read.
        await delay(burst === 0 ? 1 : 0);
        if (dice.chance(0.01)) shuffle(plane, all, dice);
        waited = Math.max(waited, counters.pending);
      }
      plane.tell('shop', everyone, FEW_CONNECTIONS);

      t.true(waited > 10, `at most ${waited} requests waited at once`);
      await eventually(() => calls.every(({ over }) => over));
      await eventually(() => counters.inFlight + counters.pending + counters.upstreamInFlight === 0);
      // Each is counted once, when its answer has been written.
      const counted = (): number => Object.values(counters.requests).reduce((sum, count) => sum + count, 0);
      await eventually(() => counted() === calls.length);
      t.is(counted(), calls.length);
      t.is(plane.data.deadlines.size, 0);
      t.true(hold(MAX_HELD), 'something is still accounted as waiting');
      release(MAX_HELD);
      for (const app of apps) t.deepEqual([app.owner.tokens, app.owner.closedBecause], [[], null]);
      for (const instance of all) t.deepEqual(instance.tokens, []);

      const alive = [...connections].filter(({ failed }) => !failed);
      t.true(alive.length >= 2 * apps.length, `${alive.length} connections`);
      await eventually(() => alive.every(({ failed, streams }) => failed || streams.size === 0));
      // The last pieces of what was cancelled may still be on their way.
      await eventually(() => {
        const lacking = alive.filter(({ failed }) => !failed).map((connection) => lackingCredit(connection));
        if (lacking.some((octets) => octets !== 0)) throw new Error(`credit that lacks, by connection: ${lacking}`);
      });
      connections.clear();
    },
  );
}
