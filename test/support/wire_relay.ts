import type { Connection } from '../../src/http2/connection.ts';
import type { ConnectionOwner } from '../../src/http2/connection_owner.ts';
import { ERROR } from '../../src/http2/frame/codes.ts';
import type { MessageHead } from '../../src/http2/header_rules.ts';
import type { HeaderList } from '../../src/http2/hpack/header_list.ts';
import type { ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import type { Stream } from '../../src/http2/streams/stream.ts';

/**
 * Joins the streams of a server-role connection to those of a client-role one, the way a proxy does: DATA goes on with its `source`, so that
 * it is credited when the other side's socket took it. The same class owns both sides: a stream's `owner` is the stream it is joined to.
 */
export class RelaySide implements ConnectionOwner {
  /** Server role only: where requests go. */
  next: Connection | null = null;
  /** Octets of DATA that came in on this side. */
  octets = 0;
  readonly resets: { streamId: number; code: number; byPeer: boolean }[] = [];
  readonly tokens: ProtocolErrorToken[] = [];
  closedBecause: string | null = null;

  onRequest(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    const next = this.next as Connection;
    if (!next.canOpen) return stream.connection.reset(stream, ERROR.REFUSED_STREAM);
    stream.owner = next.open(list, endStream, head.method === 'HEAD', stream);
  }
  onInformational(stream: Stream, list: HeaderList): void {
    const other = stream.owner as Stream;
    other.connection.headers(other, list, false);
  }
  onResponse(stream: Stream, list: HeaderList, _head: MessageHead, endStream: boolean): void {
    const other = stream.owner as Stream;
    other.connection.headers(other, list, endStream);
  }
  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    this.octets += end - start;
    const other = stream.owner as Stream | null;
    if (other === null) stream.connection.credit(stream, end - start);
    else other.connection.data(other, buf, start, end, endStream, stream);
  }
  onTrailers(stream: Stream, list: HeaderList): void {
    const other = stream.owner as Stream;
    other.connection.trailers(other, list);
  }
  onReset(stream: Stream, code: number, byPeer: boolean): void {
    this.resets.push({ streamId: stream.id, code, byPeer });
    const other = stream.owner as Stream | null;
    other?.connection.reset(other, code);
  }
  onProtocolError(token: ProtocolErrorToken): void {
    this.tokens.push(token);
  }
  onClosed(reason: string): void {
    this.closedBecause = reason;
  }
  onReady(): void {}
  onStreamClosed(): void {}
  onGoaway(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
}
