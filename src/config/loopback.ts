/**
 * Whether a host, as it stands in an address or a URL, is this machine's own loopback: 127.0.0.0/8, ::1 (RFC 4291 section 2.5.3; also
 * as an IPv4 address in disguise), or `localhost` and the names below it (RFC 6761 section 6.3).
 */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return (
    /^127\.\d+\.\d+\.\d+$/.test(bare) ||
    bare === '::1' ||
    /^::ffff:127\./.test(bare) ||
    /^(?:[^.]+\.)*localhost\.?$/.test(bare)
  );
}
