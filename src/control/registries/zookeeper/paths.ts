/** A path as ZooKeeper takes it: it starts with a slash and ends with none. */
export function nodePath(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  return trimmed.startsWith('/') ? trimmed : `/${trimmed}`;
}

/** The path of a node's child. */
export function childPath(parent: string, child: string): string {
  return parent === '/' ? `/${child}` : `${parent}/${child}`;
}

/** The path of a node's parent; that of the root is the root. */
export function parentPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/**
 * One entry of `servers` taken apart: `host`, `host:port`, `[v6]:port`. The chroot is the part from the first slash on, and holds for
 * all servers, as in ZooKeeper's own connection strings.
 */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 2181;

/** Null when it is no address of a server. */
export function parseServer(text: string): ServerAddress | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([1-9]\d{0,4}))?$/.exec(text);
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port > 65_535 ? null : { host, port };
}
