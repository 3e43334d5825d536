import { type CertificateNames, certificateNames } from '../../base/certificate_names.ts';
import { encodeMessage } from '../../grpc/message.ts';

/** What is read of a certificate: the part of Node's `X509Certificate` that is used. */
export interface Certificate {
  /** A line per attribute, `CN=app`, in the order of the certificate. */
  readonly subject: string;
  readonly subjectAltName: string | undefined;
  /** SHA-256 of the DER form, `AB:CD:...`. */
  readonly fingerprint256: string;
}

/** The other end of a connection, as its verified certificate names it. */
export class PeerIdentity {
  readonly names: CertificateNames;
  /** The value of `x-forwarded-client-cert`. */
  readonly forwarded: string;
  /** Who it is, for messages: its first name, or its subject. */
  readonly name: string;

  constructor(certificate: Certificate, ownNames: CertificateNames) {
    this.names = certificateNames(certificate.subjectAltName);
    this.forwarded = forwardedClientCert(certificate, this.names, ownNames);
    const { uris, dns, ips } = this.names;
    this.name = uris[0] ?? dns[0] ?? ips[0] ?? distinguishedName(certificate.subject);
  }
}

/**
 * `x-forwarded-client-cert` as Envoy writes it (HTTP connection manager, SANITIZE_SET): one element of `By` (a URI name of our own
 * certificate, if it has one), `Hash` (SHA-256 of the client's certificate), `Subject`, and a `URI` and `DNS` for each such name.
 */
function forwardedClientCert(certificate: Certificate, names: CertificateNames, own: CertificateNames): string {
  const pairs: string[] = [];
  if (own.uris[0] !== undefined) pairs.push(`By=${quoted(own.uris[0])}`);
  pairs.push(`Hash=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`);
  // Always in quotes, as Envoy has it.
  pairs.push(`Subject="${escaped(distinguishedName(certificate.subject))}"`);
  for (const uri of names.uris) pairs.push(`URI=${quoted(uri)}`);
  for (const dns of names.dns) pairs.push(`DNS=${quoted(dns)}`);
  return pairs.join(';');
}

/** Values that hold a separator stand in double quotes, with a backslash before a quote in them. */
function quoted(value: string): string {
  return /[,;="\\]/.test(value) ? `"${escaped(value)}"` : encodeMessage(value);
}

function escaped(value: string): string {
  return encodeMessage(value).replace(/["\\]/g, '\\$&');
}

/** RFC 2253: the attributes from the last to the first, separated by commas. Node gives a line for each. */
function distinguishedName(subject: string): string {
  return subject
    .split('\n')
    .filter((line) => line !== '')
    .reverse()
    .join(',');
}
