import { type Clock, systemClock } from '../../base/clock.ts';
import type { RegistryOptions } from '../../config/registry_options.ts';
import type { Registry } from './registry.ts';

export interface RegistryDeps {
  readonly clock?: Clock;
}

/**
 * Opens one entry of `registries:`, and brings the code of its type, of which most sidecars need one. Does no other input or output, and
 * rejects for nothing that a config can say: what is wrong, the watches tell.
 */
export async function openRegistry(name: string, options: RegistryOptions, deps: RegistryDeps = {}): Promise<Registry> {
  const clock = deps.clock ?? systemClock;
  switch (options.type) {
    case 'etcd': {
      const { openEtcdRegistry } = await import('./etcd/registry.ts');
      return openEtcdRegistry(name, options, clock);
    }
    case 'consul': {
      const { openConsulRegistry } = await import('./consul/registry.ts');
      return openConsulRegistry(name, options, clock);
    }
    case 'file': {
      const { openFileRegistry } = await import('./file/registry.ts');
      return openFileRegistry(name, options, clock);
    }
    case 'dns': {
      const { openDnsRegistry } = await import('./dns/registry.ts');
      return openDnsRegistry(name, options, clock);
    }
    case 'kubernetes': {
      const { openKubernetesRegistry } = await import('./kubernetes/registry.ts');
      return openKubernetesRegistry(name, options, clock);
    }
    case 'zookeeper': {
      const { openZookeeperRegistry } = await import('./zookeeper/registry.ts');
      return openZookeeperRegistry(name, options, clock);
    }
    case 'eureka': {
      const { openEurekaRegistry } = await import('./eureka/registry.ts');
      return openEurekaRegistry(name, options, clock);
    }
    case 'static': {
      const { openStaticRegistry } = await import('./static/registry.ts');
      return openStaticRegistry(name, clock);
    }
  }
}
