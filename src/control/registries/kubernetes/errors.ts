import { describeError, OutriggerError } from '../../../base/errors.ts';
import { KEPT } from '../kept.ts';

/** An answer of the API server that says no. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export class ApiError extends Error {
  /** The HTTP status, or the `code` of an error in a watch. */
  readonly status: number;
  /** How long the server asks to wait, in milliseconds; 0 if it does not. */
  readonly retryAfter: number;

  constructor(status: number, message: string, retryAfter = 0) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** The history after the position is gone: list again. */
  get gone(): boolean {
    return this.status === 410;
  }
}

const KINDS = [
  {
    code: 'kubernetes_auth',
    status: /^401$/,
    text: null,
    hint: 'The API server does not accept the token: check `token_file`; in a pod, that its service account still exists.',
  },
  {
    code: 'kubernetes_permission',
    status: /^403$/,
    text: null,
    hint:
      'Let the service account read EndpointSlices: a Role in that namespace with rules: [{ apiGroups: [discovery.k8s.io], ' +
      'resources: [endpointslices], verbs: [get, list, watch] }], and a RoleBinding to it; deploy/kubernetes/rbac.yaml has both.',
  },
  {
    code: 'kubernetes_not_found',
    status: /^404$/,
    text: null,
    hint: 'Check that `address` is that of an API server of Kubernetes 1.21 or later, without a path.',
  },
  { code: 'kubernetes_overloaded', status: /^429$/, text: null, hint: KEPT },
  {
    code: 'kubernetes_tls',
    status: null,
    text: /certificate|SSL routines|wrong version number|altname|ERR_TLS|ERR_OSSL|EPROTO/i,
    hint: 'Check that `address` is https and names a host that is in the certificate, and that `tls.ca` signed it.',
  },
  {
    code: 'kubernetes_timeout',
    status: null,
    text: /no answer within/,
    hint: `The API server took the connection but did not answer in time. ${KEPT}`,
  },
  {
    code: 'kubernetes_unavailable',
    status: /^5\d\d$/,
    text: /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EPIPE|hang up|aborted|closed/,
    hint: `Check that the API server runs and can be reached from here. ${KEPT}`,
  },
] as const;

/** Gives whatever went wrong a stable code; `where` names the registry, `doing` what was tried. */
export function kubernetesError(cause: unknown, where: string, doing: string): OutriggerError {
  if (cause instanceof OutriggerError) {
    const { code, message, hint } = cause;
    return new OutriggerError(code, `${where}: ${message}`, { hint: hint ?? KEPT, cause });
  }
  const text = describeError(cause);
  const status = cause instanceof ApiError ? String(cause.status) : null;
  const error = cause as { readonly code?: unknown };
  const full = typeof error?.code === 'string' ? `${error.code} ${text}` : text;
  const kind = KINDS.find((known) => (status === null ? known.text?.test(full) : known.status?.test(status)));
  return new OutriggerError(kind?.code ?? 'kubernetes_failed', `${where}: ${doing}: ${text}`, {
    hint: kind?.hint ?? KEPT,
    cause,
  });
}

/** Codes that concern every namespace alike. */
export function concernsAll(error: OutriggerError): boolean {
  return error.code !== 'kubernetes_permission';
}
