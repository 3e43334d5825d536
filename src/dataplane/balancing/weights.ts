import type { Candidate } from './picker.ts';

/** The heaviest weighs at most this many times as much as one that has any weight: beyond, sums lose the small ones. */
const WIDEST = 1e9;

/**
 * The weights of `candidates` in proportion to the heaviest: from 0 to 1, and never anything else, whatever a registry wrote. When nobody
 * has a weight, all have the same.
 */
export function shares(candidates: readonly Candidate[]): Float64Array {
  const count = candidates.length;
  const result = new Float64Array(count);
  for (let i = 0; i < count; i++) result[i] = (candidates[i] as Candidate).weight;
  return normalize(result);
}

/** The same of weights that are no candidates'; changes them in place. */
export function normalize(weights: Float64Array): Float64Array {
  let heaviest = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number;
    if (weight > heaviest) heaviest = weight;
  }
  if (heaviest === 0) return weights.fill(1);
  heaviest = Math.min(heaviest, Number.MAX_VALUE);
  for (let i = 0; i < weights.length; i++) {
    const weight = Math.min(weights[i] as number, heaviest);
    weights[i] = weight > 0 ? Math.max(weight / heaviest, 1 / WIDEST) : 0;
  }
  return weights;
}

/** Whether all of `weights`, as `shares` gives them, are alike. */
export function areEqual(weights: Float64Array): boolean {
  for (let i = 0; i < weights.length; i++) if (weights[i] !== 1) return false;
  return true;
}
