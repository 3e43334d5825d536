import type { HeaderList } from './hpack/header_list.ts';
import type { ProtocolErrorToken } from './protocol_errors.ts';

export type MessagePart = 'request' | 'response' | 'trailers';

/** What the rules of RFC 9113 section 8 make of a header list. Computed once per list object and kept on it. */
export interface MessageHead {
  readonly part: MessagePart;
  /** Null when the list keeps the rules; else why it is malformed. */
  readonly error: ProtocolErrorToken | null;
  /** Index in `fields` of the first regular field. */
  readonly regularFrom: number;
  /** -1 when there is none. */
  readonly contentLength: number;
  /** Request: pseudo-headers; empty strings in the other parts. `authority` falls back to `host`. */
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** Request: `websocket` for an extended CONNECT (RFC 8441 section 4); else empty. */
  readonly protocol: string;
  /** Response: the status code; else 0. */
  readonly status: number;
}

/** The one value of `:protocol` that is served. */
export const WEBSOCKET = 'websocket';

const PLAIN = 0;
const CONNECTION_SPECIFIC = 1;
const TE = 2;
const CONTENT_LENGTH = 3;
const HOST = 4;

/** Names known to be well-formed, and what is special about them. Grows with the names seen, up to a bound. */
const KNOWN_NAMES = new Map<string, number>([
  // RFC 9113 section 8.2.2.
  ['connection', CONNECTION_SPECIFIC],
  ['proxy-connection', CONNECTION_SPECIFIC],
  ['keep-alive', CONNECTION_SPECIFIC],
  ['transfer-encoding', CONNECTION_SPECIFIC],
  ['upgrade', CONNECTION_SPECIFIC],
  ['te', TE],
  ['content-length', CONTENT_LENGTH],
  ['host', HOST],
]);
const MAX_KNOWN_NAMES = 1024;

/** RFC 9110 section 5.6.2 token, without upper case (RFC 9113 section 8.2). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9113 section 8.2.1: never in a value; and no white space at either end. */
const BAD_VALUE = /[\0\r\n]|^[ \t]|[ \t]$/;
const BAD_TARGET = /[\0-\x20\x7f]/;
const DIGITS = /^\d{1,15}$/;
const STATUS = /^[1-9]\d\d$/;

/** The head of `list` read as `part`; never throws. */
export function messageHead(list: HeaderList, part: MessagePart): MessageHead {
  const kept = list.head as MessageHead | null;
  if (kept !== null && kept.part === part) return kept;
  const head = readHead(list.fields, part);
  list.head = head;
  return head;
}

function readHead(fields: readonly string[], part: MessagePart): MessageHead {
  let error: ProtocolErrorToken | null = null;
  let method: string | null = null;
  let scheme: string | null = null;
  let authority: string | null = null;
  let path: string | null = null;
  let protocol: string | null = null;
  let status: string | null = null;
  let host: string | null = null;
  let contentLength: string | null = null;
  let at = 0;

  for (; at < fields.length && (fields[at] as string).charCodeAt(0) === 0x3a; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    if (part === 'trailers') error = 'pseudo_in_trailers';
    else if (part === 'response') {
      if (name !== ':status') error = 'pseudo_unknown';
      else if (status !== null) error = 'pseudo_duplicate';
      else status = value;
    } else if (name === ':method') {
      if (method !== null) error = 'pseudo_duplicate';
      method = value;
    } else if (name === ':path') {
      if (path !== null) error = 'pseudo_duplicate';
      path = value;
    } else if (name === ':scheme') {
      if (scheme !== null) error = 'pseudo_duplicate';
      scheme = value;
    } else if (name === ':authority') {
      if (authority !== null) error = 'pseudo_duplicate';
      authority = value;
    } else if (name === ':protocol') {
      if (protocol !== null) error = 'pseudo_duplicate';
      protocol = value;
    } else error = 'pseudo_unknown';
  }
  const regularFrom = at;

  for (; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    let kind = KNOWN_NAMES.get(name);
    if (kind === undefined) {
      if (!NAME.test(name)) {
        error = name.charCodeAt(0) === 0x3a ? 'pseudo_after_regular' : 'header_name_bad';
        break;
      }
      if (KNOWN_NAMES.size < MAX_KNOWN_NAMES) KNOWN_NAMES.set(name, PLAIN);
      kind = PLAIN;
    }
    if (BAD_VALUE.test(value)) error = 'header_value_bad';
    if (kind === PLAIN) continue;
    if (kind === CONNECTION_SPECIFIC) error = 'header_connection_specific';
    else if (kind === TE) {
      if (part === 'request' && value !== 'trailers') error = 'header_te';
    } else if (kind === HOST) {
      // RFC 9110 section 7.2: there is one. Whoever reads the other one routes elsewhere.
      if (host !== null && host !== value) error = 'pseudo_authority_bad';
      host = value;
    } else if (!DIGITS.test(value) || (contentLength !== null && contentLength !== value))
      error = 'header_content_length';
    else contentLength = value;
  }

  if (error === null && part === 'request') error = checkRequest(method, scheme, authority, path, host, protocol);
  if (error === null && part === 'response') {
    if (status === null) error = 'pseudo_missing';
    else if (!STATUS.test(status)) error = 'pseudo_status_bad';
  }
  return {
    part,
    error,
    regularFrom,
    contentLength: contentLength === null ? -1 : Number(contentLength),
    method: method ?? '',
    scheme: scheme ?? '',
    authority: authority ?? host ?? '',
    path: path ?? '',
    protocol: protocol ?? '',
    status: status === null ? 0 : Number(status),
  };
}

/** RFC 9113 section 8.3.1; for `:protocol` RFC 8441 section 4: of CONNECT there is the extended one alone, and only to a WebSocket. */
function checkRequest(
  method: string | null,
  scheme: string | null,
  authority: string | null,
  path: string | null,
  host: string | null,
  protocol: string | null,
): ProtocolErrorToken | null {
  if (method === 'CONNECT' && protocol !== WEBSOCKET) return 'connect_refused';
  if (method !== 'CONNECT' && protocol !== null) return 'pseudo_unknown';
  if (method === null || scheme === null || path === null) return 'pseudo_missing';
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) return 'pseudo_method_bad';
  if (path.charCodeAt(0) !== 0x2f && !(path === '*' && method === 'OPTIONS')) return 'pseudo_path_bad';
  if (BAD_TARGET.test(path)) return 'pseudo_path_bad';
  if (BAD_TARGET.test(scheme) || scheme === '') return 'pseudo_missing';
  if (authority !== null && (BAD_TARGET.test(authority) || authority.includes('@'))) return 'pseudo_authority_bad';
  if (authority !== null && host !== null && authority !== host) return 'pseudo_authority_bad';
  // There may be none, when there is none to convey (section 8.3.1): other things can name the service. But a URI of http has no empty
  // host (RFC 9110 section 4.2.1).
  if (authority === '' || host === '') return 'pseudo_authority_bad';
  return null;
}
