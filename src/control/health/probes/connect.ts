import { connect as connectTcp, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import { contextOptions, identityOptions } from '../../../base/tls_identity.ts';
import type { Target } from '../../../model/instance.ts';
import type { TlsMaterial, UpstreamTls } from '../../../model/tls.ts';

/** How checks speak TLS to the instances of a service. */
export interface ProbeTls {
  readonly tls: UpstreamTls;
  /** Of the certificates as they are now; throws when there are none. */
  context(): SecureContext;
}

/** `material` finds certificates by their id; null where the instances speak no TLS. */
export function probeTls(tls: UpstreamTls | null, material: (id: string) => TlsMaterial | undefined): ProbeTls | null {
  if (tls === null) return null;
  let made: { readonly of: TlsMaterial; readonly context: SecureContext } | null = null;
  const context = (): SecureContext => {
    const now = material(tls.material);
    if (now === undefined) throw new Error(`there are no certificates for ${tls.material}`);
    if (made?.of !== now) {
      const { createSecureContext } = process.getBuiltinModule('node:tls');
      made = { of: now, context: createSecureContext(contextOptions(now)) };
    }
    return made.context;
  };
  return { tls, context };
}

/** What a probe connects with. */
export interface ProbeRoute {
  readonly target: Target;
  /** Null: in the clear. */
  readonly secure: ProbeTls | null;
  /** Longest wait for an answer, the connection included, in milliseconds. */
  readonly timeout: number;
}

/** The options of `tls.connect` for an instance; `protocol` is offered by ALPN. */
export function tlsOptions(target: Target, { tls, context }: ProbeTls, protocol: string): ConnectionOptions {
  const name = tls.serverName ?? ('host' in target ? target.host : 'localhost');
  return { secureContext: context(), ALPNProtocols: [protocol], ...identityOptions(name, tls.verify) };
}

/** Starts a connection on which HTTP/2 will be spoken; errors come as the socket's events. Throws for what can be no address. */
export function connectHttp2({ target, secure }: ProbeRoute): Socket {
  const options: Pick<TcpNetConnectOpts, 'autoSelectFamily'> = { autoSelectFamily: true };
  if (secure === null) return connectTcp({ ...target, ...options });
  const { connect } = process.getBuiltinModule('node:tls');
  return connect({ ...target, ...options, ...tlsOptions(target, secure, 'h2') });
}

/** `host:port` as a request names it: without the zone of an address, which means something here only (RFC 6874). */
export function authorityOf(target: Target): string {
  if ('path' in target) return 'localhost';
  if (target.host.includes('%')) return authorityOf({ ...target, host: target.host.replace(/%.*$/, '') });
  return target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}
