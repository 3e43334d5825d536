import { createServer, type Server, type ServerOpts, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { describeNames, hasName } from '../../base/certificate_names.ts';
import type { Clock } from '../../base/clock.ts';
import { type TlsFailure, tlsFailure } from '../../base/tls_failure.ts';
import { contextOptions } from '../../base/tls_identity.ts';
import type { SecureListen } from '../../model/tls.ts';
import { PeerIdentity } from '../tls/client_cert.ts';
import type { TlsMaterials } from '../tls/materials.ts';
import { turnAway, turnAwayPlaintext } from './turn_away.ts';

/** How long a connection may take to the end of its handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000;
/** The first octet of a TLS record that holds a handshake (RFC 8446 section 5.1). */
const HANDSHAKE_RECORD = 22;
const HTTP1 = 'http/1.1';

/** What becomes of connections. */
export interface TlsAcceptEvents {
  /** A verified connection. `peer` is who its certificate says it is; null when none is asked for. */
  accepted(socket: TLSSocket, protocol: 'h2' | 'unknown', peer: PeerIdentity | null): void;
  /** `from` is the client's address as far as it is known. */
  failed(failure: TlsFailure, from: string): void;
}

/**
 * Terminates TLS for one listener. Certificates of clients are judged here and not by Node: it would just close the connection, and the
 * client would never learn what is wrong with its certificate.
 */
export class TlsAccept {
  readonly #listen: SecureListen;
  readonly #materials: TlsMaterials;
  /** Sockets that have not said anything yet. */
  readonly #silent = new Set<Socket>();

  constructor(listen: SecureListen, materials: TlsMaterials) {
    this.#listen = listen;
    this.#materials = materials;
  }

  /** A server that is not listening yet. It takes other certificates from now on whenever there are any; its connections stay. */
  createServer(options: ServerOpts, clock: Pick<Clock, 'after'>, events: TlsAcceptEvents): Server {
    const secure = this.#createHandshaker(events);
    return createServer(options, (socket) => {
      this.#silent.add(socket);
      const cancel = clock.after(HANDSHAKE_TIMEOUT, () => socket.destroy());
      const ignore = (): void => {};
      const heard = (): void => {
        cancel();
        this.#silent.delete(socket);
      };
      socket.on('error', ignore);
      socket.once('close', heard);
      // A client without TLS is told so: the library would only drop it. Connections that never say a word are probes, and no failures.
      socket.once('readable', () => {
        const first = socket.read() as Buffer | null;
        if (first === null) return void socket.destroy();
        heard();
        socket.removeListener('close', heard);
        if (first[0] !== HANDSHAKE_RECORD) {
          events.failed(tlsFailure({ code: 'WRONG_VERSION_NUMBER' }, 'client'), addressOf(socket));
          return turnAwayPlaintext(socket, first);
        }
        socket.unshift(first);
        secure.emit('connection', socket);
      });
    });
  }

  #createHandshaker(events: TlsAcceptEvents): Server {
    const { tls, inbound } = this.#listen;
    const materials = this.#materials;
    const id = tls.material;
    // Whether one is asked for stands in the config, which certificate is in the file.
    const requestCert = materials.get(id).ca !== null;
    const context = () => ({ ...contextOptions(materials.get(id)), ticketKeys: materials.ticketKeys(id) });
    const server = process.getBuiltinModule('node:tls').createServer({
      ...context(),
      ALPNProtocols: [...tls.alpn],
      requestCert,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT,
    });
    let ownNames = materials.ownNames(id);
    materials.onChange(id, () => {
      server.setSecureContext(context());
      ownNames = materials.ownNames(id);
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      events.failed(tlsFailure(error, 'client'), addressOf(socket));
    });
    server.on('secureConnection', (socket) => {
      const certificate = requestCert ? socket.getPeerX509Certificate() : undefined;
      const peer = certificate === undefined ? null : new PeerIdentity(certificate, ownNames);
      const failure = requestCert ? unacceptable(socket, peer, tls.verify) : null;
      if (failure !== null) {
        const from = addressOf(socket);
        events.failed(failure, peer === null ? from : `${from} (${peer.name})`);
        return turnAway(socket, failure);
      }
      // Without ALPN only the first octets can tell; what comes from outside is HTTP/2 in any case.
      const told = typeof socket.alpnProtocol === 'string' && socket.alpnProtocol !== HTTP1;
      events.accepted(socket, told || inbound !== null ? 'h2' : 'unknown', peer);
    });
    return server;
  }

  /** Drops the connections that have not said a word. */
  destroySilent(): void {
    for (const socket of this.#silent) socket.destroy();
  }
}

/** Why a client must not come in; null when it may. A session that is resumed is judged again, by what its ticket holds. */
function unacceptable(socket: TLSSocket, peer: PeerIdentity | null, verify: readonly string[]): TlsFailure | null {
  if (peer === null) return tlsFailure({ code: 'PEER_DID_NOT_RETURN_A_CERTIFICATE' }, 'client');
  if (!socket.authorized) return tlsFailure({ code: String(socket.authorizationError) }, 'client');
  if (verify.length === 0 || hasName(peer.names, verify)) return null;
  const message = `its certificate is for ${describeNames(peer.names)}, and none of that is in "tls.verify"`;
  return tlsFailure({ code: 'ALTNAME_INVALID', message }, 'client');
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? 'unknown' : `${remoteAddress}:${remotePort}`;
}
