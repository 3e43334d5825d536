import { Socket, type SocketConstructorOpts, type TcpNetConnectOpts } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { NO_ALPN } from '../../base/tls_failure.ts';
import { identityOptions } from '../../base/tls_identity.ts';
import type { Target } from '../../model/instance.ts';
import type { Protocol } from '../../model/service.ts';
import type { UpstreamTls } from '../../model/tls.ts';
import { onread, type Received } from '../read_buffer.ts';
import type { TlsMaterials } from '../tls/materials.ts';
import { TCP_KEEPALIVE } from './dial.ts';

/** What lets the next connection to the same instance leave out the certificates (RFC 8446 section 2.2). */
export interface TlsSession {
  /** Sessions count only while what they were verified by is the same. */
  readonly key: string;
  readonly data: Buffer;
}

/** Who keeps the session of an instance from one connection to the next. */
export interface SessionKeeper {
  tlsSession: TlsSession | null;
}

/**
 * Starts a TLS connection to an instance; like `dial`, it reads into the thread's one buffer. Errors, those of certificates and of ALPN
 * included, come as the socket's events, before any octet has been received.
 */
export function dialTls(
  target: Target,
  tls: UpstreamTls,
  materials: TlsMaterials | null,
  keeper: SessionKeeper,
  received: Received,
  protocol: Protocol = 'h2',
): Socket {
  try {
    // Never in the clear instead.
    if (materials === null) throw new Error(`the control plane has told of no certificates for ${tls.material}`);
    return connectTls(target, tls, materials, keeper, received, protocol);
  } catch (error) {
    // As in `dial`: no record of a registry may end a data thread.
    return new Socket().destroy(error as Error);
  }
}

function connectTls(
  target: Target,
  tls: UpstreamTls,
  materials: TlsMaterials,
  keeper: SessionKeeper,
  received: Received,
  protocol: Protocol,
): TLSSocket {
  const { connect } = process.getBuiltinModule('node:tls');
  const name = tls.serverName ?? ('host' in target ? target.host : 'localhost');
  const key = JSON.stringify([materials.generation(tls.material), name, tls.verify]);
  const session = keeper.tlsSession?.key === key ? keeper.tlsSession.data : undefined;
  const alpn = tls.alpn ?? [protocol];
  // Both are documented for `tls.connect`, and missing in its type.
  const options: ConnectionOptions &
    Pick<SocketConstructorOpts, 'onread'> &
    Pick<TcpNetConnectOpts, 'autoSelectFamily'> = {
    ...target,
    autoSelectFamily: true,
    secureContext: materials.context(tls.material),
    ALPNProtocols: [...alpn],
    ...identityOptions(name, tls.verify),
    ...onread(received),
    ...(session === undefined ? {} : { session }),
  };
  const socket = connect(options);
  socket.once('connect', () => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE);
  });
  socket.once('secureConnect', () => {
    // RFC 9113 section 3.2: HTTP/2 must be agreed upon; HTTP/1.1 is what is spoken where nothing is.
    if (typeof socket.alpnProtocol === 'string' || protocol !== 'h2') return;
    const error = new Error(`the instance chose none of the protocols ${alpn.join(', ')} (ALPN)`);
    socket.destroy(Object.assign(error, { code: NO_ALPN }));
  });
  socket.on('session', (data: Buffer) => {
    keeper.tlsSession = { key, data };
  });
  return socket;
}
