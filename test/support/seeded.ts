/** Random numbers that are the same for the same seed (xorshift, 32 bits): from 0 on, below 1. */
export function seeded(seed: number): () => number {
  // Seeds that are close to each other must not begin alike, and 0 would stay 0.
  let state = Math.imul(seed, 0x9e37_79b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
