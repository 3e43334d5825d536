import { parseAddress } from '../model/instance.ts';
import { defaultPath } from './default_path.ts';
import type { RegisterOptions } from './register_options.ts';
import type { RegistryOptions } from './registry_options.ts';
import { resolveRegistrationHealth } from './resolve_health.ts';
import { joined, type RegisterInput } from './schema_register.ts';

/** Completes one entry of `register:` that has passed all checks. */
export function resolveRegister(
  input: RegisterInput,
  registries: ReadonlyMap<string, RegistryOptions>,
  only: string,
): RegisterOptions {
  const { service, version, weight, zone, metadata, format, port = 0 } = input;
  const registry = input.registry ?? only;
  const given = (address: string): string => (parseAddress(address) === null ? joined(address, port) : address);
  return {
    service,
    registry,
    address:
      input.address === undefined ? { kind: 'detected', port } : { kind: 'given', address: given(input.address) },
    version,
    weight,
    zone,
    metadata,
    id: input.id ?? null,
    path: input.path ?? defaultPath(registries.get(registry)?.type, service),
    format,
    ttlMs: input.ttl,
    health: resolveRegistrationHealth(input.health),
    allowLoopback: input.allow_loopback,
  };
}
