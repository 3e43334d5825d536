import { isIP } from 'node:net';
import type { ConnectionOptions, PeerCertificate } from 'node:tls';
import { certificateNames, describeNames, hasName } from './certificate_names.ts';

/** PEM texts; null for what is not given. */
export interface Certificates {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** What Node makes a context of; `undefined` where something is not given, since null means something else to it. */
export function contextOptions({ ca, cert, key, minVersion }: Certificates) {
  return { ca: ca ?? undefined, cert: cert ?? undefined, key: key ?? undefined, minVersion };
}

/**
 * The options of `tls.connect` that say who must be at the other end: `name`, as SNI and in the certificate, or, where `verify` lists some,
 * one of these names in the certificate.
 */
export function identityOptions(
  name: string,
  verify: readonly string[],
): Required<Pick<ConnectionOptions, 'servername' | 'checkServerIdentity'>> {
  const { checkServerIdentity } = process.getBuiltinModule('node:tls');
  return {
    // An address is no server name (RFC 6066 section 3).
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_host, certificate) =>
      verify.length > 0 ? checkNames(certificate, verify) : checkServerIdentity(name, certificate),
  };
}

function checkNames(certificate: PeerCertificate, verify: readonly string[]): Error | undefined {
  const names = certificateNames(certificate.subjectaltname);
  if (hasName(names, verify)) return undefined;
  const message = `its certificate is for ${describeNames(names)}, and none of that is in "tls.verify"`;
  return Object.assign(new Error(message), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}
