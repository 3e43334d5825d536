import { describeError, OutriggerError } from '../../../base/errors.ts';
import { KEPT } from '../kept.ts';

/** What Consul and the way to it say, by the text of it: Consul has no error codes, and answers 500 for much that is no fault of its own. */
const KINDS = [
  {
    code: 'consul_token',
    pattern: /ACL not found|Bootstrapping token|token is expired/i,
    hint: `Consul does not know this token (deleted, expired, of another cluster): set \`token\` or \`token_file\` to a valid one. ${KEPT}`,
  },
  {
    code: 'consul_permission',
    pattern: /Permission denied|ACLs? (?:leave|hide)|^403 /i,
    hint: `Give the token a policy with service:read for the service and node:read for the nodes it runs on (consul acl policy create). ${KEPT}`,
  },
  {
    code: 'consul_datacenter',
    pattern: /No path to datacenter/i,
    hint: 'Set `datacenter`, or `dc=` in the path, to one that `consul catalog datacenters` lists, and see that its servers can be reached.',
  },
  {
    code: 'consul_no_leader',
    pattern:
      /No cluster leader|no known leader|knows no leader|leadership lost|not the leader|No known Consul servers|failed to get raft/i,
    hint: `The Consul servers are electing a leader, or too few of them run (consul operator raft list-peers). ${KEPT}`,
  },
  {
    code: 'consul_tls',
    pattern:
      /certificate|SSL routines|wrong version number|ERR_TLS|ERR_OSSL|HTTP request to an HTTPS|Hostname\/IP does not match|EPROTO/i,
    hint: 'Check that `address` says https:// where Consul speaks TLS, that `tls.ca` signed its certificate, and that `tls.server_name` is a name in it.',
  },
  {
    code: 'consul_query',
    pattern: /boolean expression|Bad request|Invalid query parameter|Selector .* is not valid|^400 /i,
    hint: 'Consul refuses the question itself: look at `filter`, `ns`, `partition` and `near` in the path. Namespaces and partitions exist in Consul Enterprise only.',
  },
  {
    code: 'consul_timeout',
    pattern: /no answer within/,
    hint: `Consul took the connection but did not answer in time: look at the load of the agent and of the servers. ${KEPT}`,
  },
  {
    code: 'consul_unavailable',
    pattern:
      /ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|socket hang up|broke off|aborted/,
    hint: `Check that the Consul agent runs and that \`address\` names its HTTP port (8500 as a rule). ${KEPT}`,
  },
] as const;

/** An answer that is none: `text` completes "the answer ...". */
export function notConsul(text: string): OutriggerError {
  return new OutriggerError('consul_protocol', `the answer ${text}`, {
    hint: 'Check that `address` names the HTTP port of a Consul agent, and not something before or beside it.',
  });
}

/** Turns whatever went wrong into an error with a stable code; `doing` says what was tried, `address` where. */
export function consulError(cause: unknown, registry: string, address: string, doing: string): OutriggerError {
  const text = textOf(cause);
  const where = `registry "${registry}" (consul at ${address}): ${doing}: ${text}`;
  if (cause instanceof OutriggerError) {
    const hint = cause.hint === null ? {} : { hint: cause.hint };
    return new OutriggerError(cause.code, where, { ...hint, cause: new Error(text, { cause }) });
  }
  const kind = KINDS.find(({ pattern }) => pattern.test(text));
  return new OutriggerError(kind?.code ?? 'consul_failed', where, {
    hint: kind?.hint ?? `Look into the log of the Consul agent. ${KEPT}`,
    cause: new Error(text, { cause }),
  });
}

/** Node says `ECONNREFUSED` in the message, or in the code alone. */
function textOf(cause: unknown): string {
  const text = describeError(cause);
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return code === '' || cause instanceof OutriggerError || text.includes(code) ? text : `${text} (${code})`;
}

/** Codes that concern one question, and say nothing about the others. */
const OF_ONE_QUESTION = new Set([
  'consul_permission',
  'consul_datacenter',
  'consul_query',
  'consul_protocol',
  'consul_too_long',
  'consul_failed',
]);

/** Whether an error concerns every question to this agent alike. */
export function concernsAll(error: OutriggerError): boolean {
  return !OF_ONE_QUESTION.has(error.code);
}
