import { mix } from '../../base/hash.ts';
import { Load } from '../../dataplane/balancing/load.ts';
import { LoadTable } from '../../dataplane/balancing/load_table.ts';
import type { LocalCandidate, PickerFactory } from '../../dataplane/balancing/picker.ts';
import { Connections } from './connections.ts';
import type { FleetInstance } from './fleet.ts';

/** Keys whose instance is looked up before and after a change. */
const KEYS = 100_000;

/** What one instance more, or one less, moves. */
export interface Movement {
  /** Connections that are made or given up, of all sidecars, and how many of these are to the instance itself. */
  readonly connections: number;
  readonly own: number;
  /** Share of the keys that another instance gets than before, from 0 to 1; null when the policy goes by no key. */
  readonly keys: number | null;
}

/**
 * What changes when `changed` (an index) leaves `fleet`, seen by `sidecars`; the same changes when it joins.
 * @param hashing the policy, if it goes by keys
 */
export function movementOf(
  fleet: readonly FleetInstance[],
  changed: number,
  subset: number | null,
  sidecars: number,
  hashing: PickerFactory | null,
): Movement {
  const without = fleet.filter((_, index) => index !== changed);
  const keys = hashing === null ? null : keysMoved(fleet, without, hashing);
  // Without a subset every sidecar has one connection more or less.
  if (subset === null) return { connections: sidecars, own: sidecars, keys };
  const [before, after] = [new Connections(fleet, subset), new Connections(without, subset)];
  let connections = 0;
  let own = 0;
  for (let sidecar = 0; sidecar < sidecars; sidecar++) {
    const had = new Set(before.of(sidecar));
    if (had.delete(changed)) {
      own++;
      connections++;
    }
    for (const index of after.of(sidecar)) if (!had.delete(index < changed ? index : index + 1)) connections++;
    connections += had.size;
  }
  return { connections, own, keys };
}

function keysMoved(before: readonly FleetInstance[], after: readonly FleetInstance[], factory: PickerFactory): number {
  const context = { random: () => 0, now: () => 0 };
  const loads = new LoadTable();
  const [old, now] = [before, after].map((fleet) => {
    const picker = factory(
      fleet.map((instance) => idle(instance, loads)),
      null,
      context,
    );
    return Array.from({ length: KEYS }, (_, key) => fleet[picker.pick(mix(key + 1))]?.address);
  }) as [string[], string[]];
  return old.reduce((moved, address, key) => (address === now[key] ? moved : moved + 1), 0) / KEYS;
}

function idle({ address, weight }: FleetInstance, loads: LoadTable): LocalCandidate {
  return { id: address, weight, inFlight: 0, load: new Load(loads) };
}
