import { type Clock, systemClock } from '../../base/clock.ts';
import type { RegistryOptions } from '../../config/registry_options.ts';
import { openEtcdRegistry } from './etcd/registry.ts';
import { openFileRegistry } from './file/registry.ts';
import type { Registry } from './registry.ts';
import { openStaticRegistry } from './static/registry.ts';

export interface RegistryDeps {
  readonly clock?: Clock;
}

/** Opens one entry of `registries:`. Does no input or output itself and never throws: what is wrong, the watches tell. */
export function openRegistry(name: string, options: RegistryOptions, deps: RegistryDeps = {}): Registry {
  const clock = deps.clock ?? systemClock;
  switch (options.type) {
    case 'etcd':
      return openEtcdRegistry(name, options, clock);
    case 'file':
      return openFileRegistry(name, options, clock);
    case 'static':
      return openStaticRegistry(name, clock);
  }
}
