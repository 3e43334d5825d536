/** RFC 9110 section 7.6.1: what concerns one connection only, whether `Connection` names it or not. */
const HOP_BY_HOP = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
/** RFC 9110 section 6.5.1: what says where a message ends or goes has no place behind it. */
const NOT_IN_TRAILERS = new Set([...HOP_BY_HOP, 'content-length', 'host', 'trailer']);
/** What Node does not let into a header of HTTP/1.1, nor should anybody (RFC 9110 section 5.5). */
const CONTROL = /[^\t\x20-\x7e\x80-\xff]/;

/** All values of `name` (lower case) in a raw header list: name, value, ... */
export function valuesOf(raw: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < raw.length; i += 2) if (isName(raw[i] as string, name)) values.push(raw[i + 1] as string);
  return values;
}

/** The items of a comma-separated list, in lower case and without their parameters. */
export function listItems(values: readonly string[]): string[] {
  const items = values.flatMap((value) => value.split(','));
  return items.map((item) => (item.split(';')[0] as string).trim().toLowerCase()).filter((item) => item !== '');
}

/** The fields of an HTTP/1.1 message that go on, under the lower-case names of HTTP/2 (RFC 9113 section 8.2): without what concerns its connection. */
export function endToEnd(raw: readonly string[]): string[] {
  const named = new Set(listItems(valuesOf(raw, 'connection')));
  const fields: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (!HOP_BY_HOP.has(name) && !named.has(name)) fields.push(name, raw[i + 1] as string);
  }
  return fields;
}

/** The trailers of an HTTP/1.1 message that go on; null when there are none. */
export function trailerFields(raw: readonly string[]): string[] | null {
  const fields: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (!NOT_IN_TRAILERS.has(name)) fields.push(name, raw[i + 1] as string);
  }
  return fields.length === 0 ? null : fields;
}

/** Whether HTTP/1.1 can say these fields at all: HTTP/2 lets control characters through. */
export function sayable(fields: readonly string[]): boolean {
  for (let i = 1; i < fields.length; i += 2) if (CONTROL.test(fields[i] as string)) return false;
  return true;
}

/**
 * The headers of a request from HTTP/2 as HTTP/1.1 has them: `Host` for `:authority` (RFC 9113 section 8.3.1), one `Cookie` (section
 * 8.2.3), `TE` named in `Connection` (RFC 9110 section 10.1.4), and how long the body is.
 * @param fields with the pseudo-headers
 */
export function requestHeaders(
  fields: readonly string[],
  authority: string,
  body: 'none' | 'empty' | 'some',
): string[] {
  const headers: string[] = ['host', authority];
  const cookies: string[] = [];
  const options = ['keep-alive'];
  let hasLength = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (name.charCodeAt(0) === 0x3a || name === 'host') continue;
    if (name === 'cookie') cookies.push(value);
    else {
      if (name === 'te') options.push('te');
      if (name === 'content-length') hasLength = true;
      headers.push(name, value);
    }
  }
  if (cookies.length > 0) headers.push('cookie', cookies.join('; '));
  if (body === 'some' && !hasLength) headers.push('transfer-encoding', 'chunked');
  if (body === 'empty' && !hasLength) headers.push('content-length', '0');
  headers.push('connection', options.join(', '));
  return headers;
}

/** The headers of a response from HTTP/2 as HTTP/1.1 has them, without those that say how long the body is where there can be none. */
export function responseHeaders(fields: readonly string[], status: number, ended: boolean, isHead: boolean): string[] {
  const headers: string[] = [];
  let hasLength = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.charCodeAt(0) === 0x3a) continue;
    if (name === 'content-length') {
      // RFC 9110 section 8.6.
      if (status < 200 || status === 204) continue;
      hasLength = true;
    }
    headers.push(name, fields[i + 1] as string);
  }
  if (ended && !hasLength && !isHead && status >= 200 && status !== 204 && status !== 304) {
    headers.push('content-length', '0');
  }
  return headers;
}

/** The first lines of an answer that is written by hand; `headers` have passed `sayable`. */
export function head(status: number, headers: readonly string[]): Buffer {
  const reason = process.getBuiltinModule('node:http').STATUS_CODES[status] ?? '';
  let text = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}

/** A flat list as Node's `addTrailers` takes it. */
export function pairs(fields: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) found.push([fields[i] as string, fields[i + 1] as string]);
  return found;
}

function isName(name: string, lower: string): boolean {
  return name.length === lower.length && name.toLowerCase() === lower;
}
