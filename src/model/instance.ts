import { isIPv4, isIPv6 } from 'node:net';

/**
 * One running copy of a service, as a registry tells it.
 *
 * The data plane identifies an instance by `address`: two records with the same address are one instance, and a change of
 * anything else never closes a connection.
 */
export interface Instance {
  /** The registry's own name for the record (the last part of an etcd key, a Consul service id); shown, never compared. */
  readonly id: string;
  /** `host:port`, `[v6]:port` or `unix:/path`. */
  readonly address: string;
  /** The registered version; null when the record names none. */
  readonly version: string | null;
  /** Relative share of the traffic for weighted policies; at least 0, 1 when the record names none. */
  readonly weight: number;
  readonly zone: string | null;
  /** Labels of the record, strings only. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Methods that the record switches off or limits; left out when it says nothing of any. */
  readonly methods?: MethodSwitches;
}

/**
 * What a record says of single methods, by name: the last part of the request's path (`GetBook` of `/book.BookService/GetBook`).
 * A method that is not in it is online and has no limit.
 */
export type MethodSwitches = Readonly<Record<string, MethodSwitch>>;

export interface MethodSwitch {
  /** False: the instance takes no requests for this method. */
  readonly online: boolean;
  /** Most requests per second for this method, at least 0; null: no limit. */
  readonly limit: number | null;
}

/** How long requests of an instance that left the registry may go on before they are cut, in milliseconds. */
export const DRAIN_LIMIT = 600_000;

/** An address taken apart, in the shape that `net.connect` takes. */
export type Target = { readonly host: string; readonly port: number } | { readonly path: string };

/** The longest path of a unix socket in octets: `sun_path` has 108 bytes, the last one a zero (unix(7)). */
export const LONGEST_SOCKET_PATH = 107;

const HOST_AND_PORT = /^(?:\[([^\]]*)\]|([^[\]:]*)):([1-9]\d{0,4})$/;
const LONGEST_HOST_NAME = 253;
/** Labels as host names have them (RFC 1123 section 2.1), and the underscore that container networks put into theirs. */
const HOST_NAME =
  /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$/;
const FOUR_NUMBERS = /^\d+(?:\.\d+){3}$/;
/** The zone of a link-local address (RFC 4007 section 11) is the name or number of a network interface. */
const ZONE = /^[A-Za-z0-9._-]{1,15}$/;

/**
 * Takes an address apart; null when it is not `host:port`, `[v6]:port` or `unix:/path`. What passes can be dialled: `net.connect`
 * throws at once for some of what does not (a NUL in the host), in a place where nobody expects it.
 */
export function parseAddress(address: string): Target | null {
  if (address.startsWith('unix:')) return parseSocketPath(address.slice('unix:'.length));
  const match = HOST_AND_PORT.exec(address);
  if (!match) return null;
  const [, v6, name, digits] = match;
  const port = Number(digits);
  if (port > 65_535) return null;
  if (v6 !== undefined) return isV6(v6) ? { host: v6, port } : null;
  return name !== undefined && isHost(name) ? { host: name, port } : null;
}

function parseSocketPath(path: string): Target | null {
  if (path === '' || hasControl(path) || Buffer.byteLength(path) > LONGEST_SOCKET_PATH) return null;
  return { path };
}

function isV6(text: string): boolean {
  const percent = text.indexOf('%');
  return percent === -1 ? isIPv6(text) : isIPv6(text.slice(0, percent)) && ZONE.test(text.slice(percent + 1));
}

function isHost(text: string): boolean {
  if (text.length > LONGEST_HOST_NAME) return false;
  return FOUR_NUMBERS.test(text) ? isIPv4(text) : HOST_NAME.test(text);
}

/** C0 controls and DEL. */
function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
