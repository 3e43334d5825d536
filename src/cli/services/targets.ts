import type { Config } from '../../config/config.ts';
import type { Registry, RegistryQuery } from '../../control/registries/registry.ts';

/** One question to a registry. */
export interface Target {
  readonly query: RegistryQuery;
  /** Whose record a key is; null when nothing says so. */
  serviceOf(key: string): string | null;
}

/**
 * What there is to ask one registry of a config: each service that it has there, and whatever else `discover` would find.
 * Rejects when the registry has names to ask for, and cannot be read.
 */
export async function configuredTargets(config: Config, registry: Registry): Promise<Target[]> {
  const targets: Target[] = [];
  const asked = new Set<string>();
  for (const [service, { sources, format, instances, settings }] of config.services) {
    const source = sources.find((candidate) => candidate.registry === registry.name);
    if (source === undefined) continue;
    asked.add(service);
    targets.push(named(service, { service, path: source.path, format, protocol: settings.protocol, instances }));
  }
  const discover = config.discover?.sources.find((source) => source.registry === registry.name);
  if (discover === undefined) return targets;
  const found = await templateTargets(registry, discover.path, config.discover?.format ?? 'auto', asked);
  const protocol = config.discover?.settings.protocol;
  return [...targets, ...found.map((target) => ({ ...target, query: { ...target.query, protocol } }))];
}

/** What `--path` asks: one path, or with `{service}` in it every service. */
export async function pathTargets(registry: Registry, path: string, format: string): Promise<Target[]> {
  if (path.includes('{service}')) return templateTargets(registry, path, format, new Set());
  const service = path.split('/').findLast((part) => part !== '') ?? path;
  return [{ query: { service, path, format }, serviceOf: () => null }];
}

/** Empty where a registry can neither say which names it holds nor be asked for all that starts alike. */
async function templateTargets(
  registry: Registry,
  template: string,
  format: string,
  except: ReadonlySet<string>,
): Promise<Target[]> {
  if (registry.names !== undefined) {
    const names = (await registry.names()).filter((name) => !except.has(name));
    return names.map((service) => {
      return named(service, { service, path: template.replaceAll('{service}', () => service), format });
    });
  }
  const [head = '', tail = ''] = template.split('{service}', 2);
  // The only one whose paths are prefixes of keys.
  if (registry.type !== 'etcd') return [];
  const end = tail[0] ?? '/';
  const serviceOf = (key: string): string | null => {
    const rest = key.startsWith(head) ? key.slice(head.length) : '';
    return rest.split(end, 1)[0] || null;
  };
  return [{ query: { service: head, path: head, format }, serviceOf }];
}

function named(service: string, query: RegistryQuery): Target {
  return { query, serviceOf: () => service };
}
