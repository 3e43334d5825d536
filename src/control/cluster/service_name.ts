import { isIP } from 'node:net';

/** The longest host name there is. RFC 1035 section 2.3.4 */
const MAX_LENGTH = 253;
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/**
 * Whether a name that a request brought may be looked up in a registry: labels of a host name, so that it cannot climb out of
 * the configured path. Addresses and `localhost` name a machine, no service.
 */
export function isServiceName(name: string): boolean {
  if (name.length > MAX_LENGTH || isIP(name) !== 0 || name.toLowerCase() === 'localhost') return false;
  return name.split('.').every((label) => LABEL.test(label));
}
