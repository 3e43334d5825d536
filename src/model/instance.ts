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
}

/** An address taken apart, in the shape that `net.connect` takes. */
export type Target = { readonly host: string; readonly port: number } | { readonly path: string };

/** Takes an address apart; null when it is not `host:port`, `[v6]:port` or `unix:/path`. */
export function parseAddress(address: string): Target | null {
  if (address.startsWith('unix:')) {
    const path = address.slice(5);
    return path === '' ? null : { path };
  }
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\s:/@[\]?#]+)):(\d{1,5})$/.exec(address);
  if (!match) return null;
  const port = Number(match[3]);
  if (port < 1 || port > 65_535) return null;
  return { host: (match[1] ?? match[2]) as string, port };
}
