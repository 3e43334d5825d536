import type { MessageHead } from './header_rules.ts';
import type { HeaderList } from './hpack/header_list.ts';
import type { ProtocolErrorToken } from './protocol_errors.ts';
import type { Stream } from './streams/stream.ts';

/**
 * What a connection tells its user. Calls come in the order of the frames, never before the connection's constructor has
 * returned, and must not throw. Whatever a stream's peer did wrong has been dealt with before (reset, counted): the owner
 * only hears that the stream ended.
 */
export interface ConnectionOwner {
  /** The peer's first SETTINGS arrived: the connection can be used. */
  onReady(): void;
  /** Server role: a request began. The list keeps the rules of RFC 9113 section 8; `head` is what they made of it. */
  onRequest(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void;
  /** Client role: 1xx. */
  onInformational(stream: Stream, list: HeaderList): void;
  /** Client role: the final response header block. */
  onResponse(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void;
  /**
   * `buf` is valid and unchanged for as long as it is referenced; only during the call if the connection is `volatile`. Credit for it is
   * owed: `Connection.credit`.
   */
  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void;
  onTrailers(stream: Stream, list: HeaderList): void;
  /**
   * The stream ended by RST_STREAM: the peer's (`byPeer`) or ours for its breach of a rule. `unprocessed` is true when the peer
   * has certainly not acted on the request: REFUSED_STREAM, or an id above GOAWAY's last one.
   */
  onReset(stream: Stream, code: number, byPeer: boolean, unprocessed: boolean): void;
  /** Both sides of the stream have ended in order. Also called after `onReset`. Client role: a slot is free. */
  onStreamClosed(stream: Stream): void;
  /** The peer will take no more streams. Those above `lastStreamId` have been reset (`onReset`, unprocessed) before this. */
  onGoaway(lastStreamId: number, code: number, debug: string): void;
  /** The peer's limits changed: more or fewer streams may be open. */
  onCapacityChanged(): void;
  onPong(): void;
  /** The engine rejected what the peer sent; for counting. */
  onProtocolError(token: ProtocolErrorToken): void;
  /** The connection is gone. Every stream that was open has been told (`onReset` with CANCEL, not by the peer) before this. */
  onClosed(reason: string): void;
}
