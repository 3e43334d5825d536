import { hash32 } from '../../base/hash.ts';
import { hashesOf, highest } from '../../control/cluster/subset.ts';
import type { FleetInstance } from './fleet.ts';

/** Which instances each sidecar connects to, by index and in order: what the control plane would choose. */
export class Connections {
  readonly #hashes: Uint32Array;
  readonly #size: number | null;

  constructor(fleet: readonly Pick<FleetInstance, 'address'>[], subset: number | null) {
    this.#hashes = hashesOf(fleet.map(({ address }) => address));
    this.#size = subset;
  }

  of(sidecar: number): number[] {
    if (this.#size === null) return Array.from(this.#hashes.keys());
    return highest(this.#hashes, this.#size, hash32(`sidecar-${sidecar}`)).sort((a, b) => a - b);
  }
}
