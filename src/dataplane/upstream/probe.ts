import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { certificateNames, describeNames } from '../../base/certificate_names.ts';
import { tlsFailure } from '../../base/tls_failure.ts';
import { Connection } from '../../http2/connection.ts';
import type { ConnectionOwner } from '../../http2/connection_owner.ts';
import { Flusher } from '../../http2/flusher.ts';
import { errorName } from '../../http2/frame/codes.ts';
import { UPSTREAM_LIMITS } from '../../http2/limits.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import type { Target } from '../../model/instance.ts';
import type { Protocol } from '../../model/service.ts';
import type { TlsMaterial, UpstreamTls } from '../../model/tls.ts';
import { TlsMaterials } from '../tls/materials.ts';
import { CONNECT_TIMEOUT, dial, foreignAnswer } from './dial.ts';
import { dialTls } from './dial_tls.ts';

/** How one attempt to connect to an instance ended. */
export type ProbeResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly text: string; readonly hint: string | null };

/** What an instance must be connected to with; null: plain HTTP/2. */
export interface ProbeTls {
  readonly tls: UpstreamTls;
  /** The one that `tls` names. */
  readonly material: TlsMaterial;
}

/** The same, ready for use. */
interface Secure {
  readonly tls: UpstreamTls;
  readonly materials: TlsMaterials;
}

/** Words for errors of TCP that people meet. */
const TCP_HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there: is the instance running, and is the address the one that it registered?',
  ETIMEDOUT: 'no answer: is there a firewall or a wrong network in between?',
  EHOSTUNREACH: 'there is no way to that host from here',
  ENOTFOUND: 'the name is not known here',
  ENOENT: 'there is no such socket',
};

/**
 * Connects to an instance once, as a data thread would, to the point where a request could be sent: TCP, TLS, SETTINGS, and one PING, since
 * a server may turn a client away right after its SETTINGS. Never rejects; ends within `CONNECT_TIMEOUT`.
 */
export async function probe(target: Target, given: ProbeTls | null, protocol: Protocol = 'h2'): Promise<ProbeResult> {
  // No tickets are made here: the secret is of no use.
  const secure = given && {
    tls: given.tls,
    materials: new TlsMaterials({ materials: [given.material], ticketSecret: new Uint8Array(0) }),
  };
  const result = await (protocol === 'h2' ? probeOnce(target, secure) : probeConnection(target, secure, protocol));
  if (result.ok || secure === null || !/certificate/.test(result.text)) return result;
  const seen = await presentedCertificate(target, secure);
  return seen === null ? result : { ...result, text: `${result.text}: ${seen}` };
}

/** HTTP/1.1 says nothing before it is asked: as far as the connection, and TLS. */
function probeConnection(target: Target, secure: Secure | null, protocol: Protocol): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let connected = false;
    const socket =
      secure === null
        ? dial(target, null)
        : dialTls(target, secure.tls, secure.materials, { tlsSession: null }, null, protocol);
    const finish = (result: ProbeResult): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(
      () =>
        finish({ ok: false, text: `no connection within ${CONNECT_TIMEOUT} ms`, hint: TCP_HINTS.ETIMEDOUT ?? null }),
      CONNECT_TIMEOUT,
    );
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish({ ok: false, ...failureOf(error, connected && secure !== null) }),
    );
    socket.once('connect', () => {
      connected = true;
      if (secure === null) finish({ ok: true, text: 'connected' });
    });
    if (secure !== null)
      socket.once('secureConnect', () => finish({ ok: true, text: secureText(socket as TLSSocket) }));
  });
}

function failureOf(error: NodeJS.ErrnoException, isTls: boolean): { text: string; hint: string | null } {
  const code = error.code ?? error.message;
  return isTls ? tlsFailure(error, 'instance') : { text: code, hint: TCP_HINTS[code] ?? null };
}

function probeOnce(target: Target, secure: Secure | null): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let connected = false;
    let foreign: string | null = null;
    const failed = (text: string, hint: string | null): void => finish({ ok: false, text, hint });
    const received = (buffer: Buffer, length: number): void => {
      if (secure === null) foreign ??= foreignAnswer(buffer, length);
      http2.receive(buffer, length);
    };
    const socket: Socket =
      secure === null
        ? dial(target, received)
        : dialTls(target, secure.tls, secure.materials, { tlsSession: null }, received);
    socket.once('connect', () => {
      connected = true;
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const { text, hint } = failureOf(error, connected && secure !== null);
      failed(text, hint);
    });
    const flusher = new Flusher();
    const owner = new ProbeOwner({
      ready: () => http2.ping(),
      answered: () => finish({ ok: true, text: secure === null ? 'HTTP/2' : secureText(socket as TLSSocket) }),
      refused: (text) => failed(text, 'the instance says so itself; look into its log, too'),
      broken: (token) => failed(foreign ?? `it broke the protocol (${token})`, foreign === null ? NOT_HTTP2 : null),
      closed: () => {
        if (foreign !== null) failed(foreign, null);
        else
          failed('it closed the connection before it said anything', secure === null ? MAYBE_TLS : MAYBE_CERTIFICATE);
      },
    });
    const http2 = new Connection(socket, 'client', owner, UPSTREAM_LIMITS, flusher, true);
    const timer = setTimeout(
      () => failed(`no HTTP/2 SETTINGS within ${CONNECT_TIMEOUT} ms`, NOT_HTTP2),
      CONNECT_TIMEOUT,
    );
    const finish = (result: ProbeResult): void => {
      clearTimeout(timer);
      resolve(result);
      // Not now: we may be in the midst of reading.
      setImmediate(() => socket.destroy());
    };
  });
}

const NOT_HTTP2 = 'does it speak HTTP/2 with prior knowledge (h2c), as gRPC servers do?';
const MAYBE_CERTIFICATE = 'it may want another client certificate, or none of ours; look into its log';
const MAYBE_TLS = 'if it speaks TLS, give the service "tls"; else look into its log';

function secureText(socket: TLSSocket): string {
  const certificate = socket.getPeerX509Certificate();
  const names = describeNames(certificateNames(certificate?.subjectAltName));
  const until = certificate === undefined ? '' : `, valid until ${day(certificate.validTo)}`;
  const protocol = typeof socket.alpnProtocol === 'string' ? `, ${socket.alpnProtocol}` : '';
  return `${socket.getProtocol() ?? 'TLS'}${protocol}, certificate for ${names}${until}`;
}

function day(date: string): string {
  return new Date(date).toISOString().slice(0, 10);
}

/** Whose certificate it is that is not accepted, for the message only: nothing is sent on that connection. */
function presentedCertificate(target: Target, { tls, materials }: Secure): Promise<string | null> {
  return new Promise((resolve) => {
    const { connect } = process.getBuiltinModule('node:tls');
    const socket = connect({
      ...target,
      secureContext: materials.context(tls.material),
      servername: tls.serverName ?? '',
      ALPNProtocols: [...(tls.alpn ?? ['h2'])],
      rejectUnauthorized: false,
    });
    const end = (text: string | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    const timer = setTimeout(() => end(null), CONNECT_TIMEOUT);
    socket.once('error', () => end(null));
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) return end(null);
      const line = (text: string): string => text.replaceAll('\n', ', ');
      const { subject, issuer, validFrom, validTo } = certificate;
      end(`${line(subject)}, signed by ${line(issuer)}, valid from ${day(validFrom)} to ${day(validTo)}`);
    });
  });
}

interface ProbeEvents {
  ready(): void;
  answered(): void;
  refused(text: string): void;
  broken(token: ProtocolErrorToken): void;
  closed(): void;
}

/** Listens for the few things that a connection without requests can tell. */
class ProbeOwner implements ConnectionOwner {
  readonly #events: ProbeEvents;

  constructor(events: ProbeEvents) {
    this.#events = events;
  }

  onReady(): void {
    this.#events.ready();
  }
  onPong(): void {
    this.#events.answered();
  }
  onGoaway(_lastStreamId: number, code: number, debug: string): void {
    const said = debug.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
    this.#events.refused(`GOAWAY ${errorName(code)}${said === '' ? '' : `: ${said}`}`);
  }
  onProtocolError(token: ProtocolErrorToken): void {
    this.#events.broken(token);
  }
  onClosed(): void {
    this.#events.closed();
  }

  onRequest(): void {}
  onInformational(): void {}
  onResponse(): void {}
  onData(): void {}
  onTrailers(): void {}
  onReset(): void {}
  onStreamClosed(): void {}
  onCapacityChanged(): void {}
}
