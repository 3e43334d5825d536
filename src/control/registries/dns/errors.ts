import { describeError, OutriggerError } from '../../../base/errors.ts';
import { KEPT } from '../kept.ts';

/** By the codes of c-ares, which Node's resolver reports. https://nodejs.org/api/dns.html#error-codes */
const KINDS: Readonly<Record<string, { readonly code: string; readonly hint: string }>> = {
  ETIMEOUT: {
    code: 'dns_timeout',
    hint: `No name server answered in time: check \`servers\`, or raise \`timeout\`. ${KEPT}`,
  },
  ECONNREFUSED: { code: 'dns_unavailable', hint: `No name server listens there: check \`servers\`. ${KEPT}` },
  ESERVFAIL: {
    code: 'dns_servfail',
    hint: `The name server could not find out (SERVFAIL): it may not reach the servers of that zone. ${KEPT}`,
  },
  EREFUSED: {
    code: 'dns_refused',
    hint: `The name server does not answer for that zone (REFUSED): check the name and \`servers\`. ${KEPT}`,
  },
};

/** Gives what the resolver threw a stable code; `where` names the registry. */
export function dnsError(cause: unknown, where: string): OutriggerError {
  if (cause instanceof OutriggerError) return cause;
  const kind = KINDS[codeOf(cause)];
  return new OutriggerError(kind?.code ?? 'dns_failed', `${where}: ${describeError(cause)}`, {
    hint: kind?.hint ?? KEPT,
    cause,
  });
}

/** NXDOMAIN, or a name without records of the type: an answer, which says that there is nothing. */
export function saysNothing(cause: unknown): boolean {
  return ['ENOTFOUND', 'ENODATA'].includes(codeOf(cause));
}

/** No server answered, so that asking for another name is in vain. */
export function nobodyAnswers(cause: unknown): boolean {
  return ['ETIMEOUT', 'ECONNREFUSED', 'ECANCELLED'].includes(codeOf(cause));
}

function codeOf(cause: unknown): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}
