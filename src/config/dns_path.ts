import { isIP } from 'node:net';
import { parseAddress } from '../model/instance.ts';

/** One name to resolve, as a path gives it. */
export interface DnsTarget {
  readonly name: string;
  /** The port of all instances; null: the name has SRV records, which say the port. */
  readonly port: number | null;
  /** What all its instances have as version; null: none. */
  readonly version: string | null;
}

export const DNS_PATH = 'host:port, or _service._proto.name for SRV records, each perhaps with @version';

const SRV_NAME = /^_[A-Za-z0-9-]{1,62}\._[A-Za-z0-9-]{1,62}(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)+\.?$/;
const LONGEST_NAME = 253;

/**
 * What a path stands for: `book.internal:50051` (A and AAAA records) or `_grpc._tcp.book.internal` (SRV records, RFC 2782);
 * `@v2` at the end gives the instances a version, which DNS has no place for; several with commas between them are one service.
 * Null when it is none of these.
 */
export function parseDnsPath(path: string): readonly DnsTarget[] | null {
  const targets: DnsTarget[] = [];
  for (const part of path.split(',')) {
    const [where = '', version = null, ...more] = part.trim().split('@');
    if (version === '' || more.length > 0) return null;
    if (SRV_NAME.test(where) && where.length <= LONGEST_NAME) {
      targets.push({ name: where, port: null, version });
      continue;
    }
    const address = parseAddress(where);
    if (address === null || 'path' in address || isIP(address.host) !== 0) return null;
    targets.push({ name: address.host, port: address.port, version });
  }
  return targets;
}
