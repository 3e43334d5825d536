import { existsSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CounterArena } from '../../../src/control/counters.ts';
import { DataPlane } from '../../../src/dataplane/data_plane.ts';
import { Listener } from '../../../src/dataplane/listener/listener.ts';
import { eventually } from '../../support/eventually.ts';
import { type ManualClock, manualClock } from '../../support/manual_clock.ts';
import { startProcess } from '../../support/process.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';
import { CLIENT_PREFACE, ping, settings } from '../../support/wire_frames.ts';
import { WirePeer } from '../../support/wire_peer.ts';

interface Setup {
  readonly listener: Listener;
  readonly clock: ManualClock;
  /** Connections of HTTP/2, ready or not. */
  open(): number;
}

function setUp(t: ExecutionContext): Setup {
  const clock = manualClock();
  const plane = new DataPlane(
    {
      index: 0,
      listen: [],
      reusePort: false,
      segments: new CounterArena(1).segments(0),
      routing: { routes: [], discover: false, defaultService: null },
      discoverSettings: null,
      services: [],
    },
    () => {},
  );
  let count = 0;
  const listener = new Listener(
    plane,
    {
      onProtocolError() {},
      onCount(delta) {
        count += delta;
      },
    },
    clock,
  );
  t.teardown(async () => {
    const drained = listener.drain();
    listener.destroy('the test is over');
    await drained;
  });
  return { listener, clock, open: () => count };
}

async function dial(t: ExecutionContext, listener: Listener): Promise<WirePeer> {
  const address = await listener.listen('127.0.0.1:0', false);
  const socket = connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) });
  t.teardown(() => socket.destroy());
  return new WirePeer(socket, 'client');
}

const UNFINISHED: readonly [what: string, octets: Buffer][] = [
  ['says nothing', Buffer.alloc(0)],
  ['sends one octet', CLIENT_PREFACE.subarray(0, 1)],
  ['stops within the preface', CLIENT_PREFACE.subarray(0, 20)],
  ['sends the preface and no SETTINGS', CLIENT_PREFACE],
  ['stops within its SETTINGS', Buffer.concat([CLIENT_PREFACE, settings([4, 65_535]).subarray(0, 12)])],
];

for (const [what, octets] of UNFINISHED) {
  test(`a client that ${what} is let go of in time`, async (t) => {
    const { listener, clock, open } = setUp(t);
    const peer = await dial(t, listener);
    if (octets.length > 0) peer.send(octets);
    // One octet may still become HTTP/1.1.
    await eventually(() => clock.pending === 1 && (octets.length <= 1 || open() === 1));
    clock.advance(9_999);
    t.false(peer.ended);
    clock.advance(1);
    await peer.end();
    peer.destroy();
    await eventually(() => open() === 0);
    t.is(clock.pending, 0);
  });

  test(`a client that ${what} does not hold up a shutdown`, async (t) => {
    const { listener, clock, open } = setUp(t);
    const peer = await dial(t, listener);
    if (octets.length > 0) peer.send(octets);
    // One octet may still become HTTP/1.1.
    await eventually(() => clock.pending === 1 && (octets.length <= 1 || open() === 1));
    const drained = listener.drain();
    clock.advance(1_000);
    await drained;
    await peer.end();
    t.is(open(), 0);
    await eventually(() => clock.pending === 0);
  });
}

test('however slowly the first octets drip, they have one time limit', async (t) => {
  const { listener, clock, open } = setUp(t);
  const peer = await dial(t, listener);
  for (let at = 0; at < 10; at++) {
    peer.send(CLIENT_PREFACE.subarray(at, at + 1));
    // From the third on it cannot be HTTP/1.1 any more.
    await eventually(() => clock.pending === 1 && (at < 2 || open() === 1));
    t.false(peer.ended);
    clock.advance(1_000);
  }
  await peer.end();
});

test('a client whose SETTINGS came may be idle for as long as it likes, and is told when that ends', async (t) => {
  const { listener, clock, open } = setUp(t);
  const peer = await dial(t, listener);
  peer.greet();
  await peer.sync();
  t.is(clock.pending, 0);
  clock.advance(3_600_000);
  await peer.sync();
  t.is(open(), 1);
  const drained = listener.drain();
  t.is((await peer.next('GOAWAY')).errorCode, 0);
  const { payload } = await peer.next('PING', (frame) => !frame.ack);
  peer.send(ping(payload, true));
  await drained;
});

test('a socket file that nobody listens on is replaced', async (t) => {
  const path = join(temporaryDirectory(), 's');
  // A process that is killed leaves its file.
  const script = 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
  t.is(await startProcess(process.execPath, ['-e', script, path]).exited, 'SIGKILL');
  t.true(existsSync(path));
  const { listener } = setUp(t);
  t.is(await listener.listen(`unix:${path}`, false), `unix:${path}`);
});

test('a file that is not a socket is left alone, and the listener fails', async (t) => {
  const path = join(temporaryDirectory(), 'precious');
  writeFileSync(path, 'data');
  const { listener } = setUp(t);
  await t.throwsAsync(listener.listen(`unix:${path}`, false), { code: 'ENOTSOCK', message: /not a socket/ });
  t.true(existsSync(path));
});

test('a socket that somebody listens on is left alone, and the listener fails', async (t) => {
  const path = join(temporaryDirectory(), 's');
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(path, resolve));
  t.teardown(() => other.close());
  const { listener } = setUp(t);
  await t.throwsAsync(listener.listen(`unix:${path}`, false), { code: 'EADDRINUSE' });
  t.true(existsSync(path));
});
