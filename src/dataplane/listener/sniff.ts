import { PREFACE } from '../../http2/frame/codes.ts';

/** A method (RFC 9110 section 9.1, in capitals, as those that exist are), and the first octets of a request target. */
const REQUEST_LINE = /^(?:CONNECT [^ ]|[A-Z-]{3,20} (?:[/*]|https?:\/\/))/;
/** What may still become one. */
const BEGINNING = /^[A-Z-]{1,20}(?: (?:h(?:t(?:t(?:p(?:s(?::\/?)?|:\/?)?)?)?)?)?)?$/;

/** What the first octets of a connection tell: the protocol, `unknown` when it is none of them, null when more octets must come. */
export function sniff(octets: Buffer): 'h2' | 'http/1.1' | 'unknown' | null {
  // "PRI" begins no method of HTTP/1.1 (RFC 9113 section 3.4); the engine looks at the rest.
  const length = Math.min(octets.length, 3);
  if (octets.compare(PREFACE, 0, length, 0, length) === 0) return length < 3 ? null : 'h2';
  const text = octets.toString('latin1', 0, 40);
  if (REQUEST_LINE.test(text)) return 'http/1.1';
  return BEGINNING.test(text) ? null : 'unknown';
}
