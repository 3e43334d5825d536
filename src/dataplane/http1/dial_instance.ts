import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Flusher } from '../../http2/flusher.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import { InstanceBridge } from './instance_bridge.ts';
import type { OpenSocket } from './instance_sockets.ts';
import { MemorySocket } from './memory_socket.ts';
import { loadProxy } from './proxy.ts';

/** What a dial needs to know. */
export interface Http1Dial {
  readonly flusher: Flusher;
  /** Opens a connection to the instance, with TLS if it wants that. */
  readonly open: OpenSocket;
  /** `secureConnect` when connections are only of use after a handshake, else `connect`. */
  readonly openedBy: 'connect' | 'secureConnect';
  /** Connections to the instance at once. */
  readonly connections: number;
  /** How long opening one may take, in milliseconds. */
  readonly timeout: number;
  onProtocolError(token: ProtocolErrorToken): void;
}

/**
 * Dials an instance that speaks HTTP/1.1: what is returned behaves like the socket of one that speaks HTTP/2. It fails as that would when no
 * connection to the instance can be had, which is tried first.
 */
export function dialHttp1(dial: Http1Dial): Duplex {
  const [near, far] = MemorySocket.pair();
  // Until it is known that somebody is there, nobody answers.
  far.pause();
  const probe = tryConnection(dial, (error) => {
    if (near.destroyed) return;
    if (error !== null) return void near.destroy(error);
    loadProxy().then(
      (proxy) => {
        if (near.destroyed) return;
        const { onProtocolError } = dial;
        new InstanceBridge(far, dial.flusher, proxy, dial.open, dial.connections, {
          onProtocolError,
          probe: (answered) => void tryConnection(dial, (failure) => answered(failure === null)),
        });
        far.resume();
      },
      (failure: Error) => near.destroy(failure),
    );
  });
  probe.once('connect', () => near.emit('connect'));
  near.once('close', () => probe.destroy());
  return near;
}

/** Opens a connection and closes it; `done` hears once whether that could be done. */
function tryConnection({ open, openedBy, timeout }: Http1Dial, done: (error: Error | null) => void): Socket {
  const probe = open();
  let told = false;
  const tell = (error: Error | null): void => {
    if (told) return;
    told = true;
    probe.destroy();
    done(error);
  };
  const late = setTimeout(() => tell(Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' })), timeout);
  late.unref();
  probe.once(openedBy, () => tell(null));
  probe.on('error', tell);
  probe.once('close', () => {
    clearTimeout(late);
    tell(Object.assign(new Error('closed before it was open'), { code: 'ECONNRESET' }));
  });
  return probe;
}
