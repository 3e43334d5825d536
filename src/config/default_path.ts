import type { RegistryOptions } from './registry_options.ts';

/** Where a service of this name is looked for when nobody says where: what the registry itself would call it; empty where nothing is looked up. */
export function defaultPath(type: RegistryOptions['type'] | undefined, service: string): string {
  if (type === 'static') return '';
  return type === 'consul' || type === 'kubernetes' ? service : `/services/${service}/`;
}
