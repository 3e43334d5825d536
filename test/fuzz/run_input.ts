import { Connection } from '../../src/http2/connection.ts';
import { Flusher } from '../../src/http2/flusher.ts';
import { heldOctets } from '../../src/http2/held.ts';
import { DOWNSTREAM_LIMITS, type Limits, MAX_UNWRITTEN, UPSTREAM_LIMITS } from '../../src/http2/limits.ts';
import { CLIENT_PREFACE } from '../support/wire_frames.ts';
import { FuzzOwner } from './fuzz_owner.ts';
import { FuzzSocket } from './fuzz_socket.ts';
import type { FuzzInput, Role, Step } from './generate.ts';
import { faultsOf } from './written_frames.ts';

/** Small, so that every bound is met. */
const SMALL: Partial<Limits> = {
  streamWindow: 8_000,
  connectionWindow: 70_000,
  maxHeaderListSize: 2_000,
  maxHeldHeaders: 4_000,
  maxHeaderBlock: 4_000,
  maxContinuations: 2,
  maxBufferedControl: 2_000,
  maxBufferedHeaders: 40_000,
  maxOverheadFrames: 100,
  maxResets: 20,
  resetBurst: 2,
};
const LIMITS = {
  server: { ...DOWNSTREAM_LIMITS, ...SMALL, maxConcurrentStreams: 10 },
  client: { ...UPSTREAM_LIMITS, ...SMALL },
} as const;
/** Turns of the event loop after which everything must have come to rest. */
const TURNS = 10;

/** What went wrong in one run; null when nothing did. All that it needs is in `input`. */
export async function runInput({ role, steps }: FuzzInput): Promise<string | null> {
  const limits = LIMITS[role];
  const socket = new FuzzSocket();
  const owner = new FuzzOwner();
  // What an earlier run left there is not this one's fault.
  const heldBefore = heldOctets();
  let now = 1;
  try {
    const connection = new Connection(socket.asDuplex(), role, owner, limits, new Flusher(), true);
    owner.connection = connection;
    for (const step of steps) {
      switch (step[0]) {
        case 'in':
          connection.receive(Buffer.from(step[1], 'hex'));
          break;
        case 'drain':
          socket.drain();
          break;
        case 'act':
          owner.act(step[1]);
          break;
        case 'time':
          now += step[1];
          connection.sweep(now);
      }
      await turn();
      const bad = check(connection, owner, limits);
      if (bad !== null) return bad;
    }
    return (
      (await end(connection, socket, owner, {
        client: role === 'client',
        heldBefore,
        whole: endsWithFrame(role, steps),
      })) ??
      owner.faults[0] ??
      null
    );
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    socket.destroy();
  }
}

/** What must be true at any time. */
function check(connection: Connection, owner: FuzzOwner, limits: Limits): string | null {
  const { sender, receiver, streams } = connection;
  // Echoes are bounded by the window that was granted for them, and what is cut into frames has their headers.
  const most =
    MAX_UNWRITTEN + 2 * (limits.maxBufferedControl + limits.maxBufferedHeaders + limits.connectionWindow) + owner.sent;
  if (sender.backlog > most) return `${sender.backlog} octets wait for the socket, ${most} may`;
  if (connection.server && streams.size > limits.maxConcurrentStreams) return `${streams.size} streams are open`;
  if (connection.heldHeaders > limits.maxHeldHeaders) return `${connection.heldHeaders} octets of headers are held`;
  if (!connection.failed) {
    if (receiver.window.unread < 0) return `${-receiver.window.unread} octets too many were credited on the connection`;
    for (const stream of streams.all()) {
      if (stream.readable && stream.receiveWindow.unread < 0) return `too much was credited on stream ${stream.id}`;
    }
  }
  return owner.faults[0] ?? null;
}

/** Lets everything come to its end, and says what is left then. */
async function end(
  connection: Connection,
  socket: FuzzSocket,
  owner: FuzzOwner,
  { client, heldBefore, whole }: { readonly client: boolean; readonly heldBefore: number; readonly whole: boolean },
): Promise<string | null> {
  owner.payAll();
  for (const stream of connection.streams.all()) {
    if (connection.server) connection.reset(stream, 8);
    else connection.rejectStream(stream, 8, 'window_update_zero');
  }
  for (let i = 0; i < TURNS; i++) {
    socket.drain();
    await turn();
    owner.payAll();
  }
  if (socket.drain()) return `still writing after ${TURNS} turns`;
  if (!connection.failed && whole && connection.receiver.window.unread !== 0) {
    return `${connection.receiver.window.unread} octets were never credited on the connection`;
  }
  socket.destroy();
  await turn();
  if (!owner.closed) return 'its end was not told';
  if (connection.streams.size > 0) return `${connection.streams.size} streams are left`;
  if (connection.heldHeaders !== 0) return `${connection.heldHeaders} octets of headers are still accounted for`;
  if (heldOctets() !== heldBefore)
    return `${heldOctets() - heldBefore} octets of DATA are still accounted for as waiting`;
  return faultsOf(Buffer.concat(socket.written), client)[0] ?? null;
}

/** Of a DATA frame that has only begun, the whole length counts as received: what is still to come of it cannot have been credited. */
function endsWithFrame(role: Role, steps: readonly Step[]): boolean {
  const octets = Buffer.concat(steps.map((step) => Buffer.from(step[0] === 'in' ? step[1] : '', 'hex')));
  let at = role === 'server' ? CLIENT_PREFACE.length : 0;
  while (at + 9 <= octets.length) at += 9 + octets.readUIntBE(at, 3);
  return at === octets.length;
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
