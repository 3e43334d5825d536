import { keyPath, type Problem, type Step } from './problem.ts';
import { keyPlaceOf, placeOf, subtree, type Tree } from './tree.ts';

/**
 * Takes a problem of the value at `path`.
 * @param onKey true to point at the key instead of its value
 */
export type Report = (path: readonly Step[], message: string, hint?: string | null, onKey?: boolean) => void;

/** Reports into `problems`, each with its place in `tree`. */
export function reportInto(problems: Problem[], tree: Tree): Report {
  return (path, message, hint = null, onKey = false) => {
    problems.push({ at: onKey ? keyPlaceOf(tree, path) : placeOf(tree, path), key: keyPath(path), message, hint });
  };
}

/** Whether a key is there with a value other than null. */
export function isGiven(tree: Tree, path: readonly Step[]): boolean {
  const found = subtree(tree, path);
  return found !== undefined && (found.kind !== 'scalar' || found.broken || found.value !== null);
}
