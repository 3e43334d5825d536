import type { RegistryInput } from './schema_registries.ts';
import type { ZookeeperOptions } from './zookeeper_options.ts';

/** A `type: zookeeper` registry: its chroot may stand behind any of the servers. */
export function resolveZookeeper(
  input: Extract<RegistryInput, { type: 'zookeeper' }>,
  emptyProtection: number | undefined,
): ZookeeperOptions {
  const { type, servers, username, password, session_timeout: sessionTimeout } = input;
  const chroot = servers.map((server) => server.replace(/^[^/]*/, '').replace(/\/$/, '')).find((path) => path !== '');
  return {
    type,
    servers: servers.map((server) => server.replace(/\/.*$/, '')),
    chroot,
    username: username || undefined,
    password: password || undefined,
    sessionTimeout,
    emptyProtection,
  };
}
