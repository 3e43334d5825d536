import type { RegistrySource } from './config.ts';
import { defaultPath } from './default_path.ts';
import type { RegistryOptions } from './registry_options.ts';

/** Where a service is looked up: in one registry or in several. */
export interface Sources {
  readonly sources: readonly RegistrySource[];
  /** Their names and paths for people: with several, `etcd, consul` and `etcd: /services/book/, consul: book`. */
  readonly registry: string;
  readonly path: string;
}

/** `service` is the name that default paths are made from; `only` the one registry there is, for who names none. */
export function resolveSources(
  input: {
    readonly registry?: string | string[] | undefined;
    readonly path?: string | Record<string, string> | undefined;
  },
  service: string,
  registries: ReadonlyMap<string, RegistryOptions>,
  only: string,
): Sources {
  const names =
    input.registry === undefined ? [only] : typeof input.registry === 'string' ? [input.registry] : input.registry;
  const sources = names.map((registry): RegistrySource => {
    const type = registries.get(registry)?.type;
    const given = typeof input.path === 'object' ? input.path[registry] : input.path;
    return { registry, path: type === 'static' ? '' : (given ?? defaultPath(type, service)) };
  });
  const [first] = sources;
  const path =
    sources.length === 1 && first !== undefined
      ? first.path
      : sources.map((source) => `${source.registry}: ${source.path || 'in the config'}`).join(', ');
  return { sources, registry: names.join(', '), path };
}
