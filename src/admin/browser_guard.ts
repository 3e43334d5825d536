import { isIP } from 'node:net';
import { RefusedRequest } from './router.ts';

/** What the guard looks at. */
export interface GuardedRequest {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/**
 * Keeps web pages that a browser on this machine shows away from the admin server, which has no password.
 *
 * A page whose own name was made to resolve to this machine (DNS rebinding) still sends that name as Host: only names that
 * nobody else can own are served, `localhost`, IP literals and the host that the server was told to listen on. A page elsewhere can send a
 * POST without reading its answer (cross-site request forgery), and browsers then say where it comes from.
 *
 * Throws a RefusedRequest with status 403.
 */
export function guardAgainstBrowsers(request: GuardedRequest, listenHost: string | null): void {
  const name = hostName(request.host ?? '');
  if (name === null || !(name === 'localhost' || isIP(name) !== 0 || name === listenHost?.toLowerCase())) {
    throw new RefusedRequest(403, {
      error: 'host_refused',
      message: `the admin server does not answer for the host ${JSON.stringify(request.host ?? '')}`,
      hint: 'Ask for it by localhost, by an IP address, or by the host in the config key "admin".',
    });
  }
  const changes = request.method !== 'GET' && request.method !== 'HEAD';
  if (changes && request.origin !== undefined && request.origin !== `http://${request.host}`) {
    throw new RefusedRequest(403, {
      error: 'origin_refused',
      message: `a page of ${JSON.stringify(request.origin)} may not change anything here`,
      hint: 'Send the request from a program (curl -X POST), or from a page that this server shows.',
    });
  }
}

/** The name in a Host header, without port and brackets, in lower case; null when it is not one. */
function hostName(host: string): string | null {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^\s:/@[\]]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}
