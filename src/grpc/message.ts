/**
 * `grpc-message`: percent-encoded UTF-8 (PROTOCOL-HTTP2.md, Status-Message). Everything but printable ASCII is encoded, and `%`.
 */
export function encodeMessage(message: string): string {
  if (/^[ -$&-~]*$/.test(message)) return message;
  let encoded = '';
  for (const octet of Buffer.from(message, 'utf8')) {
    if (octet >= 0x20 && octet <= 0x7e && octet !== 0x25) encoded += String.fromCharCode(octet);
    else encoded += `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** The other way. What is encoded wrongly comes as it is, as PROTOCOL-HTTP2.md asks. */
export function decodeMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
