import type { ConnectionOwner } from '../../http2/connection_owner.ts';
import type { Flusher } from '../../http2/flusher.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import { DOWNSTREAM_LIMITS, type Limits } from '../../http2/limits.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { EngineEnd } from './engine_end.ts';
import { InstanceSockets, type OpenSocket } from './instance_sockets.ts';
import type { MemorySocket } from './memory_socket.ts';
import type { InstanceLink, ProxiedStream } from './proxied.ts';
import { ProxiedRequest } from './proxied_request.ts';
import { ProxiedTunnel } from './proxied_tunnel.ts';
import type { Http2Proxy } from './proxy.ts';
import type { Pumped } from './stream_body.ts';

/** The other side of this end is ours as well: nothing that it does is a flood. */
const LIMITS: Limits = {
  ...DOWNSTREAM_LIMITS,
  maxOverheadFrames: 1_000_000_000,
  maxResets: 1_000_000_000,
  idleTimeout: null,
  stallTimeout: null,
};

/** What a bridge asks of its surroundings. */
export interface BridgeEvents {
  onProtocolError(token: ProtocolErrorToken): void;
  /** An idle connection was closed by the instance: calls back when it is known whether others can be had. */
  probe(answered: (reachable: boolean) => void): void;
}

/**
 * An instance that speaks HTTP/1.1, seen from the core: an HTTP/2 server inside this thread. As many streams as there may be connections
 * to the instance, since each of those carries one request at a time. When the instance cannot be reached any more it says GOAWAY, so
 * that the core connects again, and fails to.
 */
export class InstanceBridge implements ConnectionOwner, InstanceLink {
  readonly proxy: Http2Proxy;
  readonly sockets: InstanceSockets;
  readonly stalled: Set<Pumped>;
  readonly #end: EngineEnd;
  readonly #events: BridgeEvents;
  #probing = false;

  constructor(
    inside: MemorySocket,
    flusher: Flusher,
    proxy: Http2Proxy,
    open: OpenSocket,
    connections: number,
    events: BridgeEvents,
  ) {
    this.proxy = proxy;
    this.#events = events;
    this.sockets = new InstanceSockets(open, connections, () => this.#probe());
    const limits = { ...LIMITS, maxConcurrentStreams: connections };
    this.#end = new EngineEnd(inside, 'server', this, limits, flusher);
    this.stalled = this.#end.stalled;
  }

  unreachable(): void {
    this.#end.http2.shutdown();
  }

  onProtocolError(token: ProtocolErrorToken): void {
    this.#events.onProtocolError(token);
  }

  #probe(): void {
    if (this.#probing || this.#end.http2.draining) return;
    this.#probing = true;
    this.#events.probe((reachable) => {
      this.#probing = false;
      if (!reachable) this.unreachable();
    });
  }

  onRequest(stream: Stream, list: HeaderList, head: MessageHead, endStream: boolean): void {
    const tunnel = head.protocol !== '';
    const proxied = tunnel
      ? new ProxiedTunnel(stream, list, head, this)
      : new ProxiedRequest(stream, list, head, endStream, this);
    stream.owner = proxied;
    proxied.start();
  }

  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    (stream.owner as ProxiedStream).onData(buf, start, end, endStream);
  }

  onTrailers(stream: Stream, list: HeaderList): void {
    (stream.owner as ProxiedStream).onTrailers(list);
  }

  onReset(stream: Stream): void {
    (stream.owner as ProxiedStream).onReset();
  }

  onClosed(): void {
    this.sockets.destroy();
  }

  onReady(): void {}
  onInformational(): void {}
  onResponse(): void {}
  onStreamClosed(): void {}
  onGoaway(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
}
