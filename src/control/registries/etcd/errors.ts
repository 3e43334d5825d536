import { describeError, OutriggerError } from '../../../base/errors.ts';
import { KEPT } from '../kept.ts';

/** What etcd and its gRPC client say, by the text of it: the client library drops the codes of the errors that it casts. */
const KINDS = [
  {
    code: 'etcd_auth',
    pattern:
      /invalid user ID or password|user name is empty|token was refused|invalid auth token|revision of auth store is old/,
    hint: 'Set `username` and `password` of this registry to a user that etcd knows (etcdctl user list).',
  },
  {
    code: 'etcd_permission',
    pattern: /permission denied|PERMISSION_DENIED/,
    hint: 'Give the role of this user read access to the prefix: etcdctl role grant-permission <role> --prefix=true read <path>.',
  },
  {
    code: 'etcd_tls',
    pattern: /certificate|SSL routines|wrong version number|ERR_TLS|ERR_OSSL/i,
    hint: 'Check that the endpoint speaks TLS (https://) and that `tls.ca` signed its certificate; `tls.cert` and `tls.key` go together.',
  },
  {
    code: 'etcd_timeout',
    pattern: /DEADLINE_EXCEEDED|request timed out|no answer within/,
    hint: 'etcd took the connection but did not answer in time: look at its load and disk, or raise `timeout`.',
  },
  {
    code: 'etcd_unavailable',
    pattern: /UNAVAILABLE|no leader|ECONNREFUSED|ECONNRESET|stream ended|CANCELLED|leader changed/,
    hint: `Check that etcd runs and that \`endpoints\` names it. ${KEPT}`,
  },
] as const;

/** Turns whatever the etcd client threw into an error with a stable code; `doing` says what was tried, `endpoints` where. */
export function etcdError(
  cause: unknown,
  registry: string,
  endpoints: readonly string[],
  doing: string,
): OutriggerError {
  if (cause instanceof OutriggerError) return cause;
  const text = plainText(describeError(cause));
  const kind = KINDS.find(({ pattern }) => pattern.test(describeError(cause)));
  const where = `registry "${registry}" (etcd at ${endpoints.join(', ')})`;
  return new OutriggerError(kind?.code ?? 'etcd_failed', `${where}: ${doing}: ${text}`, {
    hint: kind?.hint ?? KEPT,
    cause: new Error(text, { cause }),
  });
}

/** What gRPC says without what says nothing: the frame around the last error of a connection, and a note that it does not have. */
function plainText(text: string): string {
  return text
    .replace(/\s*Resolution note:\s*$/, '')
    .replace(/^14 UNAVAILABLE: No connection established\. Last error: (?:Error: )?/, '');
}

/** Codes that concern every prefix alike. */
export function concernsAll(error: OutriggerError): boolean {
  return error.code !== 'etcd_permission';
}

/** What etcd says of a token that it does not know, or not any more. */
export const INVALID_TOKEN = 'etcdserver: invalid auth token';
/** What we say instead. */
export const TOKEN_REFUSED = 'etcd: the token was refused';

/** Whether a fresh token may help: the token expired, or users and roles changed since it was given. */
export function tokenRefused(error: unknown): boolean {
  return /token was refused|invalid auth token|revision of auth store is old/.test(describeError(error));
}

/** A server without password auth refuses to hand out tokens, and needs none. */
export function authDisabled(error: unknown): boolean {
  return describeError(error).includes('authentication is not enabled');
}
