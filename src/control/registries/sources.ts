import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Config, RegistryMode, RegistrySource } from '../../config/config.ts';
import { withLastGood } from '../last_good/registry.ts';
import { LastGoodStore } from '../last_good/store.ts';
import { openRegistry } from './open.ts';
import type { Registry } from './registry.ts';
import { openSeveral } from './several/registry.ts';

/** Where a service or `discover` looks for instances: what a `Cluster` takes. */
export interface Source {
  readonly registry: Registry;
  readonly path: string;
  readonly emptyProtection: number;
}

/** All of `registries:`, opened: each of them once, whoever uses them. */
export interface OpenRegistries {
  readonly all: ReadonlyMap<string, Registry>;
  /** The registry of a service, or several as one; `path` is what the config says of all of them. */
  source(where: {
    readonly sources: readonly RegistrySource[];
    readonly registryMode: RegistryMode;
    readonly path: string;
  }): Source;
  /** Closes those that `next` does not use, when their watches are closed. Never rejects. */
  retire(next: OpenRegistries): Promise<void>;
  /** Closes them, and keeps on disk what they told last. Never rejects. To be called when all watches are closed. */
  close(): Promise<void>;
  /** Where last good sets are kept; null: nowhere. */
  readonly store: LastGoodStore | null;
}

/**
 * Opens every entry of `registries:`; those that can go away remember their last good sets when there is a `state_dir`. Those that were
 * open `before` under the same name with the same options stay.
 */
export async function openRegistries(
  config: Config,
  deps: { readonly clock: Clock; readonly log: Log },
  before: { readonly config: Config; readonly registries: OpenRegistries } | null = null,
): Promise<OpenRegistries> {
  const { clock, log } = deps;
  // `state_dir` cannot change while we run.
  const kept = before?.registries.store ?? null;
  const store =
    before !== null ? kept : config.stateDir === null ? null : new LastGoodStore(config.stateDir, clock, log);
  const all = new Map<string, Registry>();
  for (const [name, options] of config.registries) {
    const open = before?.registries.all.get(name);
    if (open !== undefined && isDeepStrictEqual(before?.config.registries.get(name), options)) {
      all.set(name, open);
      continue;
    }
    const registry = await openRegistry(name, options, { clock });
    const remembers = store !== null && options.type !== 'static';
    all.set(name, remembers ? withLastGood(registry, store, clock, emptyProtectionOf(config, name)) : registry);
  }
  return {
    all,
    store,
    source({ sources, registryMode, path }) {
      const members = sources.map((source) => ({
        registry: all.get(source.registry) as Registry,
        path: source.path,
        emptyProtection: emptyProtectionOf(config, source.registry),
      }));
      const [first] = members;
      if (members.length === 1 && first !== undefined) return first;
      // Each member protects itself.
      return { registry: openSeveral(members, registryMode, clock), path, emptyProtection: 0 };
    },
    async retire(next) {
      const used = new Set(next.all.values());
      const unused = [...all.values()].filter((registry) => !used.has(registry));
      await Promise.all(unused.map((registry) => registry.close()));
    },
    async close() {
      await Promise.all([store?.flush(), ...Array.from(all.values(), (registry) => registry.close())]);
    },
  };
}

function emptyProtectionOf(config: Config, registry: string): number {
  const options = config.registries.get(registry);
  return options !== undefined && 'emptyProtection' in options ? (options.emptyProtection ?? 0) : 0;
}
