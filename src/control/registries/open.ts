import { type Clock, systemClock } from '../../base/clock.ts';
import type { RegistryOptions } from '../../config/registry_options.ts';
import { openConsulRegistry } from './consul/registry.ts';
import { openDnsRegistry } from './dns/registry.ts';
import { openEtcdRegistry } from './etcd/registry.ts';
import { openEurekaRegistry } from './eureka/registry.ts';
import { openFileRegistry } from './file/registry.ts';
import { openKubernetesRegistry } from './kubernetes/registry.ts';
import type { Registry } from './registry.ts';
import { openStaticRegistry } from './static/registry.ts';
import { openZookeeperRegistry } from './zookeeper/registry.ts';

export interface RegistryDeps {
  readonly clock?: Clock;
}

/** Opens one entry of `registries:`. Does no input or output itself and never throws: what is wrong, the watches tell. */
export function openRegistry(name: string, options: RegistryOptions, deps: RegistryDeps = {}): Registry {
  const clock = deps.clock ?? systemClock;
  switch (options.type) {
    case 'etcd':
      return openEtcdRegistry(name, options, clock);
    case 'consul':
      return openConsulRegistry(name, options, clock);
    case 'file':
      return openFileRegistry(name, options, clock);
    case 'dns':
      return openDnsRegistry(name, options, clock);
    case 'kubernetes':
      return openKubernetesRegistry(name, options, clock);
    case 'zookeeper':
      return openZookeeperRegistry(name, options, clock);
    case 'eureka':
      return openEurekaRegistry(name, options, clock);
    case 'static':
      return openStaticRegistry(name, clock);
  }
}
