import { messageHead, WEBSOCKET } from '../../http2/header_rules.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import { endToEnd, listItems, sayable, valuesOf } from './fields.ts';
import { MAX_HEADER_SIZE, MAX_HEADERS } from './limits.ts';

/** What Node's parser has made of the first lines of a request. */
export interface Http1Head {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  /** name, value, ... as they came. */
  readonly rawHeaders: readonly string[];
}

/** Why a request is not passed on. */
export class BadRequest {
  readonly status: number;
  readonly token: ProtocolErrorToken;
  readonly text: string;
  constructor(status: number, token: ProtocolErrorToken, text: string) {
    this.status = status;
    this.token = token;
    this.text = text;
  }
}

/** What a host and a port are made of (RFC 3986 section 3.2.2, without user information). */
const AUTHORITY = /^[A-Za-z0-9\-._~!$&'()*+,;=%:[\]]+$/;
const ABSOLUTE = /^(https?):\/\/([^/?#]*)([^#]*)$/i;

/**
 * A request of HTTP/1.1 as HTTP/2 says it (RFC 9113 sections 8.2 and 8.3, RFC 9110 section 7.6.1). `tunnel`: as the extended CONNECT
 * that a WebSocket begins with there (RFC 8441), without the key, which HTTP/2 has no use for.
 */
export function toHttp2(head: Http1Head, encrypted: boolean, tunnel: boolean): HeaderList | BadRequest {
  const raw = head.rawHeaders;
  if (raw.length > 2 * MAX_HEADERS) {
    return new BadRequest(431, 'http1_headers_too_large', `more than ${MAX_HEADERS} header lines`);
  }
  const bad = badFraming(head);
  if (bad !== null) return bad;
  const hosts = valuesOf(raw, 'host');
  if (hosts.length > 1) return new BadRequest(400, 'http1_host_bad', 'more than one Host');
  if (hosts.length === 0 && head.httpVersion === '1.1') return new BadRequest(400, 'http1_host_bad', 'no Host');
  const target = targetOf(head, hosts[0] ?? '', encrypted);
  if (target === null) return new BadRequest(400, 'http1_target_bad', 'the request target is none');
  const { scheme, authority, path } = target;
  if (authority !== '' && !AUTHORITY.test(authority)) return new BadRequest(400, 'http1_host_bad', 'the host is none');

  const fields = [':method', tunnel ? 'CONNECT' : (head.method ?? ''), ':scheme', scheme, ':path', path];
  if (authority !== '') fields.push(':authority', authority);
  if (tunnel) fields.push(':protocol', WEBSOCKET);
  const regular = endToEnd(raw);
  for (let i = 0; i < regular.length; i += 2) {
    const name = regular[i] as string;
    if (name === 'host' || (tunnel && name === 'sec-websocket-key')) continue;
    fields.push(name, regular[i + 1] as string);
  }
  if (listItems(valuesOf(raw, 'te')).includes('trailers')) fields.push('te', 'trailers');
  if (!sayable(fields)) return new BadRequest(400, 'http1_header_bad', 'a control character in a header');
  const list = new HeaderList(fields);
  if (list.size > MAX_HEADER_SIZE) {
    return new BadRequest(431, 'http1_headers_too_large', `headers of more than ${MAX_HEADER_SIZE} octets`);
  }
  const { error } = messageHead(list, 'request');
  return error === null ? list : new BadRequest(400, error, `not to be passed on: ${error}`);
}

/** Whether a body follows, and is not of length 0. */
export function hasBody(raw: readonly string[]): boolean {
  if (valuesOf(raw, 'transfer-encoding').length > 0) return true;
  return Number(valuesOf(raw, 'content-length')[0] ?? '0') > 0;
}

/**
 * What RFC 9112 section 6 forbids, or what other servers may read in another way. Node's parser refuses most of it first: this must not
 * hang on its version.
 */
function badFraming({ rawHeaders, httpVersion }: Http1Head): BadRequest | null {
  const lengths = valuesOf(rawHeaders, 'content-length');
  const codings = valuesOf(rawHeaders, 'transfer-encoding');
  if (lengths.length > 1 || lengths.some((length) => !/^\d{1,15}$/.test(length))) {
    return new BadRequest(400, 'http1_content_length_bad', 'Content-Length is not one number');
  }
  if (codings.length === 0) return null;
  if (lengths.length > 0) {
    return new BadRequest(400, 'http1_content_length_bad', 'both Content-Length and Transfer-Encoding');
  }
  if (httpVersion !== '1.1' || codings.length > 1) {
    return new BadRequest(400, 'http1_transfer_encoding_bad', 'Transfer-Encoding where it cannot be');
  }
  if ((codings[0] as string).toLowerCase() === 'chunked') return null;
  return new BadRequest(501, 'http1_transfer_encoding_bad', 'of Transfer-Encoding, only "chunked" is served');
}

/** RFC 9112 section 3.2: of the origin, absolute and asterisk form. The host of an absolute one wins over `Host`. */
function targetOf(
  { method, url = '' }: Http1Head,
  host: string,
  encrypted: boolean,
): { scheme: string; authority: string; path: string } | null {
  const scheme = encrypted ? 'https' : 'http';
  if (url.startsWith('/') || (url === '*' && method === 'OPTIONS')) return { scheme, authority: host, path: url };
  const absolute = ABSOLUTE.exec(url);
  if (absolute === null) return null;
  const [, of = '', authority = '', rest = ''] = absolute;
  if (authority === '') return null;
  // RFC 9113 section 8.3.1.
  const path = rest === '' && method === 'OPTIONS' ? '*' : rest.startsWith('/') ? rest : `/${rest}`;
  return { scheme: of.toLowerCase(), authority, path };
}
