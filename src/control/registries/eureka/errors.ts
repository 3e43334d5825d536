import { describeError, OutriggerError } from '../../../base/errors.ts';
import { KEPT } from '../kept.ts';

/** An answer with a status other than 200. */
export class EurekaStatus extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`answered with status ${status}`);
    this.name = 'EurekaStatus';
    this.status = status;
  }
}

const KINDS = [
  {
    code: 'eureka_auth',
    pattern: /status 40[13]\b/,
    hint: 'Set `username` and `password` of this registry to a user that the server lets in.',
  },
  {
    code: 'eureka_path',
    pattern: /status 404\b|no Eureka server|no JSON/,
    hint: "Give the path of the REST interface in `urls`: /eureka for Spring's server, /eureka/v2 for Netflix's.",
  },
  {
    code: 'eureka_tls',
    pattern: /certificate|SSL routines|wrong version number|ERR_TLS|ERR_OSSL|ERR_SSL|self-signed/i,
    hint: 'Check that the URL speaks TLS (https://) and that `tls.ca` signed its certificate; `tls.cert` and `tls.key` go together.',
  },
  {
    code: 'eureka_timeout',
    pattern: /no answer within/,
    hint: 'The server took the connection but did not answer in time: look at its load, or raise `timeout`.',
  },
  {
    code: 'eureka_unavailable',
    pattern: /ECONN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|socket hang up|aborted|status 5\d\d/,
    hint: `Check that the server runs and that \`urls\` names it. ${KEPT}`,
  },
] as const;

/** Turns whatever went wrong into an error with a stable code; `doing` says what was tried, `urls` where. */
export function eurekaError(cause: unknown, registry: string, urls: readonly string[], doing: string): OutriggerError {
  if (cause instanceof OutriggerError) return cause;
  const text = describeError(cause);
  const kind = KINDS.find(({ pattern }) => pattern.test(text));
  const where = `registry "${registry}" (eureka at ${urls.join(', ')})`;
  return new OutriggerError(kind?.code ?? 'eureka_failed', `${where}: ${doing}: ${text}`, {
    hint: kind?.hint ?? KEPT,
    cause,
  });
}
