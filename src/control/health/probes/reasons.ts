import { describeError } from '../../../base/errors.ts';
import { isTlsError, tlsFailure } from '../../../base/tls_failure.ts';

const CONNECT_CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOENT: 'there is no such socket',
  ENOTFOUND: 'the host name is not known',
  EPIPE: 'the connection was closed',
  ERR_HTTP2_ERROR: 'it does not speak HTTP/2',
  ERR_HTTP2_SESSION_ERROR: 'it closed the connection with an error',
};

/** What an error of a connection means, in few words; without address and time, so that the same failure gives the same text. */
export function connectionFailure(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (isTlsError(error as NodeJS.ErrnoException)) return tlsFailure(error as NodeJS.ErrnoException, 'instance').text;
  return CONNECT_CODES[code] ?? describeError(error);
}

export function timedOut(timeout: number): string {
  return `no answer within ${timeout} ms`;
}
