import { resolve as resolvePath } from 'node:path';
import type { ConsulOptions } from './registry_options.ts';
import type { RegistryInput } from './schema_registries.ts';

type ConsulInput = Extract<RegistryInput, { type: 'consul' }>;

/** Turns an entry of `registries:` with `type: consul` into its options; files are looked up in `directory`. */
export function resolveConsul(
  input: ConsulInput,
  directory: string,
  emptyProtection: number | undefined,
): ConsulOptions {
  const inside = (path: string | undefined) => (path === undefined ? undefined : resolvePath(directory, path));
  const { tls, datacenter, namespace, partition, health, consistency, wait } = input;
  const options: ConsulOptions = {
    type: 'consul',
    address: input.address.replace(/\/$/, ''),
    token: input.token || undefined,
    tokenFile: inside(input.token_file),
    datacenter,
    namespace,
    partition,
    health,
    consistency,
    wait,
    emptyProtection,
  };
  if (tls === undefined) return options;
  const files = { ca: inside(tls.ca), cert: inside(tls.cert), key: inside(tls.key) };
  return { ...options, tls: { ...files, serverName: tls.server_name } };
}
