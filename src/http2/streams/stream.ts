import type { Connection } from '../connection.ts';
import { ReceiveWindow, SendWindow } from '../flow_window.ts';
import type { HeaderList } from '../hpack/header_list.ts';

/**
 * Where a stream is in its life, RFC 9113 section 5.1. Streams in "idle" have no object; "reserved" does not exist, since
 * push is disabled.
 *
 *                      HEADERS
 *      (idle) ------------------------> OPEN
 *                                      /    \
 *              remote END_STREAM      /      \     local END_STREAM
 *                                    v        v
 *                     HALF_CLOSED_REMOTE    HALF_CLOSED_LOCAL
 *                                    \        /
 *               local END_STREAM      \      /     remote END_STREAM
 *                                      v    v
 *             RST_STREAM, either way -> CLOSED
 */
export const STREAM_STATE = { OPEN: 0, HALF_CLOSED_REMOTE: 1, HALF_CLOSED_LOCAL: 2, CLOSED: 3 } as const;
export type StreamState = 0 | 1 | 2 | 3;

/** The only place where states change: what an END_STREAM in one direction makes of a state. */
export function closeSide(state: StreamState, side: 'local' | 'remote'): StreamState {
  if (state === STREAM_STATE.OPEN) {
    return side === 'local' ? STREAM_STATE.HALF_CLOSED_LOCAL : STREAM_STATE.HALF_CLOSED_REMOTE;
  }
  const ends = side === 'local' ? STREAM_STATE.HALF_CLOSED_REMOTE : STREAM_STATE.HALF_CLOSED_LOCAL;
  return state === ends ? STREAM_STATE.CLOSED : state;
}

/** DATA that waits for the peer's window; `source` is credited when it has been written. */
export interface WaitingData {
  buf: Buffer;
  start: number;
  end: number;
  source: Stream | null;
  /** The connection credit has been given back (`held.ts`): what is owed when it is written is the stream's part. */
  held: boolean;
  /** `buf` is a copy made for this, up to `end`: nobody else writes to it. */
  owned: boolean;
}

/** One stream of one connection. Made and changed by its `Connection`; others only read it and hold it as a handle. */
export class Stream {
  readonly connection: Connection;
  readonly id: number;
  state: StreamState = STREAM_STATE.OPEN;
  readonly sendWindow: SendWindow;
  readonly receiveWindow: ReceiveWindow;

  /** Whoever handles this stream (in the data plane: the exchange). The engine only carries it. */
  owner: unknown;

  /** The peer's first (final) header block has arrived; the next one is trailers. */
  headersReceived = false;
  /** Server role: octets of the request's header list, as its connection accounts for them. */
  headerOctets = 0;
  /** Octets of DATA that content-length still promises; -1 when nothing is promised. */
  expectedOctets = -1;

  /** Server role: when the request began, in monotonic milliseconds. */
  openedAt = 0;
  /** Client role: how often the connection had been flushed when this stream was opened. */
  bornAt = -1;

  /** Client role: the request was HEAD, so content-length promises no DATA (RFC 9110 section 9.3.2). */
  noResponseBody = false;

  /** Client role: its reset waits for its turn; nobody wants what comes until then. */
  abandoned = false;

  /** Server role: RST_STREAM NO_ERROR follows our END_STREAM, since the rest of the request is not wanted (RFC 9113 section 8.1). */
  stopAfterEnd = false;

  /** What waits for a window, in order; null when nothing does. */
  waiting: WaitingData[] | null = null;
  /** END_STREAM or these trailers go out after `waiting`. */
  waitingEnd = false;
  waitingTrailers: HeaderList | null = null;
  /** Since when nothing of `waiting` could be sent, in monotonic milliseconds; 0 when that has not been looked at since something was. */
  stalledAt = 0;
  /** True while the stream stands in the connection's list of those that wait for its window. */
  queued = false;

  constructor(connection: Connection, id: number, sendWindow: number, receiveWindow: number, owner: unknown) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = new SendWindow(sendWindow);
    this.receiveWindow = new ReceiveWindow(receiveWindow);
    this.owner = owner;
  }

  /** We may still send HEADERS or DATA. */
  get writable(): boolean {
    return this.state === STREAM_STATE.OPEN || this.state === STREAM_STATE.HALF_CLOSED_REMOTE;
  }

  /** The peer may still send. */
  get readable(): boolean {
    return this.state === STREAM_STATE.OPEN || this.state === STREAM_STATE.HALF_CLOSED_LOCAL;
  }
}
