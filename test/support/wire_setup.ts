import type { Duplex } from 'node:stream';
import type { ExecutionContext } from 'ava';
import { Connection } from '../../src/http2/connection.ts';
import type { ConnectionOwner } from '../../src/http2/connection_owner.ts';
import { Flusher } from '../../src/http2/flusher.ts';
import { HeaderList } from '../../src/http2/hpack/header_list.ts';
import { DOWNSTREAM_LIMITS, type Limits, UPSTREAM_LIMITS } from '../../src/http2/limits.ts';
import { RecordingOwner } from './wire_owner.ts';
import { WirePeer } from './wire_peer.ts';
import { socketPair, type Transport } from './wire_sockets.ts';

export interface WireOptions<O extends ConnectionOwner> {
  /** What the connection under test may do differently from its usual limits. */
  readonly limits?: Partial<Limits>;
  readonly owner?: O;
  readonly flusher?: Flusher;
  readonly over?: Transport;
  /** The peer's first SETTINGS; null: it says nothing by itself. */
  readonly settings?: readonly (readonly [id: number, value: number])[] | null;
  /** How much the in-memory socket takes in each direction before its writer has to wait, in octets. */
  readonly highWaterMark?: number;
}

export interface Wire<O extends ConnectionOwner = RecordingOwner> {
  /** The raw end. */
  readonly peer: WirePeer;
  /** The engine's end. */
  readonly connection: Connection;
  readonly owner: O;
  /** The engine's socket. */
  readonly socket: Duplex;
}

/** A raw client before a server-role connection. When it resolves, both have acknowledged the other's SETTINGS. */
export function againstServer<O extends ConnectionOwner = RecordingOwner>(
  t: ExecutionContext<unknown>,
  options: WireOptions<O> = {},
): Promise<Wire<O>> {
  return meet(t, 'server', DOWNSTREAM_LIMITS, options);
}

/** A raw server behind a client-role connection. */
export function againstClient<O extends ConnectionOwner = RecordingOwner>(
  t: ExecutionContext<unknown>,
  options: WireOptions<O> = {},
): Promise<Wire<O>> {
  return meet(t, 'client', UPSTREAM_LIMITS, options);
}

async function meet<O extends ConnectionOwner>(
  t: ExecutionContext<unknown>,
  role: 'client' | 'server',
  limits: Limits,
  options: WireOptions<O>,
): Promise<Wire<O>> {
  const [socket, peerSocket] = await socketPair(t, options.over ?? 'memory', options.highWaterMark);
  const owner = options.owner ?? (new RecordingOwner() as unknown as O);
  const flusher = options.flusher ?? new Flusher();
  const connection = new Connection(socket, role, owner, { ...limits, ...options.limits }, flusher);
  const peer = new WirePeer(peerSocket, role === 'server' ? 'client' : 'server');
  if (options.settings !== null) {
    peer.greet(...(options.settings ?? []));
    await peer.next('SETTINGS', (frame) => !frame.ack);
    await peer.next('SETTINGS', (frame) => frame.ack);
    await peer.sync();
  }
  return { peer, connection, owner, socket };
}

/** A header list from pairs, for the engine's side. */
export function list(...fields: string[]): HeaderList {
  return new HeaderList(fields);
}

export const GET: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'example.test'],
];
export const POST: readonly (readonly [string, string])[] = [[':method', 'POST'], ...GET.slice(1)];
export const OK: readonly (readonly [string, string])[] = [[':status', '200']];

export const GET_LIST: HeaderList = new HeaderList(GET.flat());
export const POST_LIST: HeaderList = new HeaderList(POST.flat());
export const OK_LIST: HeaderList = new HeaderList(OK.flat());
