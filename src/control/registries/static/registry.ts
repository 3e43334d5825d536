import type { Clock } from '../../../base/clock.ts';
import type { StaticInstance } from '../../../config/registry_options.ts';
import type { Instance } from '../../../model/instance.ts';
import { shown, usableAddress } from '../records/address.ts';
import type { BadRecord, Registry, RegistryAnswer, RegistryListener, RegistryQuery } from '../registry.ts';
import { counted, newRegistryStats } from '../stats.ts';

/** The registry that is the config itself: one answer per watch, never an error. */
export function openStaticRegistry(name: string, clock: Clock): Registry {
  const stats = newRegistryStats();
  let closed = false;
  return {
    name,
    type: 'static',
    stats,
    watch(query: RegistryQuery, listener: RegistryListener) {
      let ended = false;
      queueMicrotask(() => {
        if (!ended && !closed) counted(listener, stats, clock).set(answerOf(query));
      });
      return {
        async close() {
          ended = true;
        },
      };
    },
    check: () => Promise.resolve(null),
    async close() {
      closed = true;
    },
  };
}

function answerOf(query: RegistryQuery): RegistryAnswer {
  const byAddress = new Map<string, Instance>();
  const bad: BadRecord[] = [];
  for (const [index, listed] of (query.instances ?? []).entries()) {
    const key = `services.${query.service}.instances[${index}]`;
    const address = usableAddress(listed.address);
    if (address === null) bad.push({ key, problem: `has no usable address: found ${shown(listed.address)}` });
    else byAddress.set(address, instanceOf(listed, address));
  }
  return { instances: [...byAddress.values()], bad };
}

function instanceOf(listed: StaticInstance, address: string): Instance {
  const { version = null, weight = 1, zone = null, metadata = {} } = listed;
  return { id: address, address, version, weight, zone, metadata };
}
