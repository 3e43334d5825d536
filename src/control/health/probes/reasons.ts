import { describeError } from '../../../base/errors.ts';

const CONNECT_CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOENT: 'there is no such socket',
  ENOTFOUND: 'the host name is not known',
  EPIPE: 'the connection was closed',
};

/** What an error of a socket means, in few words; without address and time, so that the same failure gives the same text. */
export function connectionFailure(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return CONNECT_CODES[code] ?? describeError(error);
}

export function timedOut(timeout: number): string {
  return `no answer within ${timeout} ms`;
}
