import { hash32, mix } from '../../base/hash.ts';
import type { Instance } from '../../model/instance.ts';

/**
 * Which instances this sidecar connects to when a service says `subset: n` (rendezvous hashing): `size` of each version, those that rank
 * highest for it. Every sidecar ranks in its own order, so that all instances are chosen about equally often; when one leaves, only those
 * who had it take another one, and one that joins is taken only where it ranks high. Chosen in the control plane, so that the data
 * threads never hear of the rest.
 *
 * Instances of weight 0 are taken only where there are no others.
 * @param sidecar tells this sidecar from the others
 * @returns their addresses
 */
export function chooseSubset(
  instances: Iterable<Pick<Instance, 'address' | 'version' | 'weight'>>,
  size: number,
  sidecar: string,
): Set<string> {
  const versions = new Map<string | null, { weighty: string[]; weightless: string[] }>();
  for (const { address, version, weight } of instances) {
    const group = versions.get(version) ?? { weighty: [], weightless: [] };
    versions.set(version, group);
    (weight > 0 ? group.weighty : group.weightless).push(address);
  }
  const seed = hash32(sidecar);
  const chosen = new Set<string>();
  for (const { weighty, weightless } of versions.values()) {
    for (const index of highest(hashesOf(weighty.sort()), size, seed)) chosen.add(weighty[index] as string);
    const left = size - weighty.length;
    if (left <= 0) continue;
    for (const index of highest(hashesOf(weightless.sort()), left, seed)) chosen.add(weightless[index] as string);
  }
  return chosen;
}

/** What `highest` ranks by. */
export function hashesOf(addresses: readonly string[]): Uint32Array {
  return Uint32Array.from(addresses, (address) => hash32(address));
}

/** The indices of the `size` members that rank highest for the sidecar whose hash is `seed`, best first; of equals the first. */
export function highest(hashes: Uint32Array, size: number, seed: number): number[] {
  const scores: number[] = [];
  const indices: number[] = [];
  for (let i = 0; i < hashes.length; i++) {
    const score = mix((hashes[i] as number) ^ seed);
    if (scores.length === size && score <= (scores[size - 1] as number)) continue;
    let low = 0;
    let high = scores.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((scores[middle] as number) >= score) low = middle + 1;
      else high = middle;
    }
    scores.splice(low, 0, score);
    indices.splice(low, 0, i);
    if (scores.length > size) {
      scores.pop();
      indices.pop();
    }
  }
  return indices;
}
