import type { DnsOptions } from './dns_options.ts';
import type { RegistryInput } from './schema_registries.ts';

/** A `type: dns` registry with everything filled in. */
export function resolveDns(
  input: Extract<RegistryInput, { type: 'dns' }>,
  emptyProtection: number | undefined,
): DnsOptions {
  const { type, servers, family, min_ttl: minTtl, max_ttl: maxTtl, timeout } = input;
  return { type, servers, family, minTtl, maxTtl, timeout, emptyProtection };
}
