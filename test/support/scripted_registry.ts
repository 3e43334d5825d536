import { OutriggerError } from '../../src/base/errors.ts';
import type { BadRecord, Registry, RegistryListener, RegistryQuery } from '../../src/control/registries/registry.ts';
import { newRegistryStats } from '../../src/control/registries/stats.ts';
import type { Instance } from '../../src/model/instance.ts';

/** A registry that says what a test tells it to. */
export interface ScriptedRegistry extends Registry {
  /** The open watches by service. */
  readonly watches: ReadonlyMap<string, { readonly query: RegistryQuery; readonly listener: RegistryListener }>;
  set(service: string, instances: readonly Instance[], bad?: readonly BadRecord[]): void;
  fail(service: string, code: string): void;
  /** What `check` says from now on; null at first. */
  checked: OutriggerError | null;
}

export function scriptedRegistry(name = 'main'): ScriptedRegistry {
  const watches = new Map<string, { query: RegistryQuery; listener: RegistryListener }>();
  const listenerOf = (service: string): RegistryListener => {
    const watch = watches.get(service);
    if (watch === undefined) throw new Error(`nobody watches ${service}`);
    return watch.listener;
  };
  return {
    name,
    type: 'scripted',
    stats: newRegistryStats(),
    watches,
    watch(query, listener) {
      watches.set(query.service, { query, listener });
      return {
        async close() {
          watches.delete(query.service);
        },
      };
    },
    set: (service, instances, bad = []) => listenerOf(service).set({ instances, bad }),
    fail: (service, code) => listenerOf(service).error(new OutriggerError(code, `${code} happened`, { hint: 'wait' })),
    checked: null,
    async check() {
      return this.checked;
    },
    async close() {
      watches.clear();
    },
  };
}

/** An instance on this port, and whatever else is said of it. */
export function instanceOn(port: number, rest: Partial<Instance> = {}): Instance {
  const address = `127.0.0.1:${port}`;
  return { id: address, address, version: null, weight: 1, zone: null, metadata: {}, ...rest };
}
