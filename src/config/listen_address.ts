import { parseAddress, type Target } from '../model/instance.ts';

/** What `listen`, `admin` and `telemetry` expect, as messages say it. */
export const LISTEN_ADDRESS = 'host:port, [v6]:port or unix:/path';

/** An address to listen on; unlike an instance's it may have port 0, which lets the system choose. Null when it is none. */
export function parseListenAddress(text: string): Target | null {
  const anyPort = text.startsWith('unix:') ? null : /^(.*:)0$/.exec(text);
  if (!anyPort) return parseAddress(text);
  const target = parseAddress(`${anyPort[1]}1`);
  return target !== null && 'host' in target ? { host: target.host, port: 0 } : null;
}

/** Whether two listeners cannot both have their address. */
export function listenersClash(a: Target, b: Target): boolean {
  if ('path' in a || 'path' in b) return 'path' in a && 'path' in b && a.path === b.path;
  if (a.port === 0 || a.port !== b.port) return false;
  const left = canonicalHost(a.host);
  const right = canonicalHost(b.host);
  // `::` takes IPv4 as well unless told otherwise, which Node does not do.
  if (left === right || left === '::' || right === '::') return true;
  return (left === '0.0.0.0' && !right.includes(':')) || (right === '0.0.0.0' && !left.includes(':'));
}

function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  if (lower === 'localhost') return '127.0.0.1';
  return /^[0:]+$/.test(lower) && lower.includes(':') ? '::' : lower;
}
