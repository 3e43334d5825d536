/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** 16 octets in base64 (RFC 6455 section 4.1). */
export function isWebSocketKey(text: string): boolean {
  return KEY.test(text);
}

export function newWebSocketKey(): string {
  return process.getBuiltinModule('node:crypto').randomBytes(16).toString('base64');
}

/** What proves that a server has understood the handshake with `key`. */
export function acceptOf(key: string): string {
  return process
    .getBuiltinModule('node:crypto')
    .createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}
