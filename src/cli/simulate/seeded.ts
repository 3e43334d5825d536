import { mix } from '../../base/hash.ts';

/** Random numbers that are the same for the same seed (splitmix32): from 0 on, below 1. */
export function seeded(seed: number): () => number {
  let state = mix(seed + 1);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    return mix(state) / 2 ** 32;
  };
}
