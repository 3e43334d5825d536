import type { Candidate } from './picker.ts';

/** Of a candidate that was not there before. */
export const NEW = -1;

/** For each of `candidates` its index among those of the picker before, or `NEW`. Both are sorted by id. */
export function indicesBefore(candidates: readonly Candidate[], before: readonly Candidate[]): Int32Array {
  const indices = new Int32Array(candidates.length).fill(NEW);
  let old = 0;
  for (let i = 0; i < indices.length && old < before.length; i++) {
    const { id } = candidates[i] as Candidate;
    // Nearly always it is the next one, and the same string: no comparison of characters.
    if ((before[old] as Candidate).id !== id) {
      while (old < before.length && (before[old] as Candidate).id < id) old++;
      if (old === before.length || (before[old] as Candidate).id !== id) continue;
    }
    indices[i] = old++;
  }
  return indices;
}
