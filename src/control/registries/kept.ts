/** Ends the hints of troubles that a watch sits out: whoever reads of them in the log wants to know what becomes of requests meanwhile. */
export const KEPT = 'The last known instances stay in use; trying goes on.';

/**
 * The hint of a registry's error for one who watches nothing: who asks once has no last known instances, nor does he try again.
 * `instead` is what to say in the place of `KEPT`; null when nothing is left to say.
 */
export function withoutKept(hint: string | null, instead = ''): string | null {
  return hint?.replace(KEPT, instead).trim() || null;
}
