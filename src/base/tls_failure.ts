/** What is wrong with a TLS connection that did not come about: the `reason` label of `outrigger_tls_failures_total`. */
export const TLS_FAILURES = [
  'plaintext',
  'no_certificate',
  'expired',
  'not_yet_valid',
  'unknown_ca',
  'wrong_name',
  'no_alpn',
  'version',
  'refused',
  'closed',
  'timeout',
  'other',
] as const;
export type TlsFailureReason = (typeof TLS_FAILURES)[number];

/** Which end it is told of: an instance that we connect to, or a client that connects to us. */
export type TlsPeer = 'instance' | 'client';

/** A failed handshake in words. */
export interface TlsFailure {
  readonly reason: TlsFailureReason;
  /** What is wrong, without saying where. */
  readonly text: string;
  /** What the reader can do about it. */
  readonly hint: string;
}

/** The code of the error when the instance took none of the protocols we offered. */
export const NO_ALPN = 'OUTRIGGER_NO_ALPN';

/** Node's and OpenSSL's codes: https://docs.openssl.org/3.0/man1/openssl-verification-options/ and ssl/ssl_err.c. The first match counts. */
const CODES: readonly (readonly [RegExp, TlsFailureReason])[] = [
  [/ALERT_CERTIFICATE_REQUIRED|PEER_DID_NOT_RETURN_A_CERTIFICATE/, 'no_certificate'],
  [/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/, 'refused'],
  [/NO_APPLICATION_PROTOCOL|OUTRIGGER_NO_ALPN/, 'no_alpn'],
  [/ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|NO_SHARED_CIPHER|ALERT_HANDSHAKE_FAILURE/, 'version'],
  [/WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST|PACKET_LENGTH_TOO_LONG|BAD_RECORD_TYPE/, 'plaintext'],
  [/^CERT_HAS_EXPIRED$/, 'expired'],
  [/^CERT_NOT_YET_VALID$/, 'not_yet_valid'],
  [/ALTNAME_INVALID|HOSTNAME_MISMATCH/, 'wrong_name'],
  [
    /ISSUER_CERT|LEAF_SIGNATURE|SELF_SIGNED|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA|CERT_REJECTED/,
    'unknown_ca',
  ],
  [/HANDSHAKE_TIMEOUT|ETIMEDOUT/, 'timeout'],
  [/ECONNRESET|EPIPE|UNEXPECTED_EOF/, 'closed'],
];

const WORDS: Readonly<Record<TlsPeer, Readonly<Record<TlsFailureReason, readonly [text: string, hint: string]>>>> = {
  instance: {
    plaintext: ['it does not speak TLS', 'leave "tls" out for this service, or turn TLS on in the instance'],
    no_certificate: [
      'it wants a client certificate',
      'give the service "tls.cert" and "tls.key", signed by an authority that the instance trusts',
    ],
    expired: [
      'its certificate has expired',
      'renew the certificate of the instance; if it is valid, set the clock here',
    ],
    not_yet_valid: [
      'its certificate is not valid yet',
      'set the clock of this machine, or of the one that made the certificate',
    ],
    unknown_ca: [
      'its certificate is signed by no authority that is trusted here',
      'put the certificate of the authority that signed it into the file of "tls.ca"',
    ],
    wrong_name: [
      'its certificate is for another name',
      'set "tls.server_name" to a name in the certificate, or list names to accept in "tls.verify"',
    ],
    no_alpn: [
      'it offers no HTTP/2 (h2) by ALPN',
      'turn HTTP/2 on in the instance; one that speaks another protocol cannot be reached as h2',
    ],
    version: [
      'there is no TLS version and cipher that both sides speak',
      'lower "tls.min_version", or raise what the instance speaks; an instance that wants a client certificate may say this, too',
    ],
    refused: [
      'it refuses our certificate',
      'look at "tls.cert": is it valid now, and does the instance trust the authority that signed it?',
    ],
    closed: [
      'it closed the connection during the TLS handshake',
      'if it speaks plain HTTP/2, leave "tls" out for this service; else look into its log',
    ],
    timeout: ['the TLS handshake took too long', 'look at the load of the instance, and whether it speaks TLS at all'],
    other: ['the TLS handshake failed', 'the code tells more; look into the log of the instance, too'],
  },
  client: {
    plaintext: ['it does not speak TLS', 'connect with TLS (https://), or to a listener without "tls"'],
    no_certificate: [
      'it shows no certificate, and this listener wants one ("tls.ca")',
      'give the client a certificate that an authority of "tls.ca" has signed',
    ],
    expired: ['its certificate has expired', 'renew the certificate of the client; if it is valid, set the clock here'],
    not_yet_valid: [
      'its certificate is not valid yet',
      'set the clock of this machine, or of the one that made the certificate',
    ],
    unknown_ca: [
      'its certificate is signed by no authority of "tls.ca"',
      'put the certificate of the authority that signed it into the file of "tls.ca"',
    ],
    wrong_name: ['its certificate has no name of "tls.verify"', 'add the name of the client to "tls.verify"'],
    no_alpn: [
      'it offers no protocol of "tls.alpn"',
      'use a client that offers HTTP/2 (h2) by ALPN, as gRPC clients do',
    ],
    version: [
      'there is no TLS version and cipher that both sides speak',
      'lower "tls.min_version", or use a newer client',
    ],
    refused: [
      'it refuses our certificate',
      'look at "tls.cert": is it valid now, and does the client trust the authority that signed it?',
    ],
    closed: [
      'it closed the connection during the TLS handshake',
      'clients that do not trust our certificate do that; look into the log of the client',
    ],
    timeout: ['the TLS handshake took too long', 'look at what connects here: does it speak TLS at all?'],
    other: ['the TLS handshake failed', 'the code tells more'],
  },
};

/** What is used of the error of a TLS socket. */
export interface TlsError {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

/** Of a write that failed since the handshake did, Node tells the reason only in the message: `...:SSL routines:where:the reason:...`. */
function openSslCode(message: string): string {
  const reason = /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1];
  return reason === undefined ? 'EPROTO' : `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
}

/** Whether an error is one of TLS beyond doubt, also when it is not known how far the connection had come. */
export function isTlsError({ code = '' }: TlsError): boolean {
  return code === 'EPROTO' || code === NO_ALPN || /^ERR_(SSL|TLS)_|CERT|^UNABLE_TO_|SIGNED/.test(code);
}

/** Turns the error of a TLS socket, from the moment when TCP was connected, into words. */
export function tlsFailure(error: TlsError, peer: TlsPeer): TlsFailure {
  const code = error.code === 'EPROTO' ? openSslCode(error.message ?? '') : (error.code ?? '');
  const reason = CODES.find(([pattern]) => pattern.test(code))?.[1] ?? 'other';
  const [text, hint] = WORDS[peer][reason];
  // What we say ourselves of a name tells more, and needs no code.
  if (reason === 'wrong_name') return { reason, text: error.message ?? text, hint };
  return { reason, text: code === '' || code === NO_ALPN ? text : `${text} (${code})`, hint };
}
