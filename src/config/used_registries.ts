import type { Step } from './problem.ts';
import type { Report } from './report.ts';
import { didYouMean } from './suggest.ts';
import { keysAt, quoted, subtree, type Tree, textAt } from './tree.ts';

/** A registry that a service or `discover` uses. */
export interface UsedRegistry {
  readonly name: string;
  readonly type: string;
  /** Where its name and its path stand, or would. */
  readonly namedAt: readonly Step[];
  readonly pathAt: readonly Step[];
}

/** The registries that a service or `discover` uses; without those of which that cannot be told. */
export function checkRegistries(tree: Tree, user: readonly Step[], report: Report): UsedRegistry[] {
  const key = [...user, 'registry'];
  const names = keysAt(tree, ['registries']);
  const given = subtree(tree, key);
  if (given === undefined) {
    if (names.length !== 1) {
      const message =
        names.length === 0
          ? 'there is no registry to find instances in'
          : `is missing; there are several registries: ${names.join(', ')}`;
      report(key, message, names.length === 0 ? 'add one under "registries"' : null);
      return [];
    }
    return usedRegistry(tree, user, names[0] as string, key);
  }
  if (given.kind !== 'list') return usedRegistry(tree, user, checkRegistryName(tree, key, names, report), key);
  const seen = new Set<string>();
  const used = given.items.flatMap((_, at) => {
    const name = checkRegistryName(tree, [...key, at], names, report);
    if (name === undefined) return [];
    if (seen.has(name)) report([...key, at], `names the registry ${quoted(name)} a second time`, 'remove it');
    seen.add(name);
    return usedRegistry(tree, user, name, [...key, at]);
  });
  for (const name of keysAt(tree, [...user, 'path'])) {
    if (seen.has(name)) continue;
    const hint = didYouMean(name, [...seen]) ?? `there are: ${[...seen].join(', ')}`;
    report([...user, 'path', name], `is not one of the registries in "registry"`, hint, true);
  }
  return used;
}

function usedRegistry(
  tree: Tree,
  user: readonly Step[],
  name: string | undefined,
  namedAt: readonly Step[],
): UsedRegistry[] {
  const type = name === undefined ? undefined : textAt(tree, ['registries', name, 'type']);
  if (name === undefined || type === undefined) return [];
  const isMap = subtree(tree, [...user, 'path'])?.kind === 'map';
  return [{ name, type, namedAt, pathAt: isMap ? [...user, 'path', name] : [...user, 'path'] }];
}

/** The name at `path`; undefined when it is none, or leads nowhere. */
function checkRegistryName(
  tree: Tree,
  path: readonly Step[],
  names: readonly string[],
  report: Report,
): string | undefined {
  const name = textAt(tree, path);
  if (name === undefined || name === '') return undefined;
  if (names.includes(name)) return name;
  const hint =
    didYouMean(name, names) ?? (names.length === 0 ? 'add it under "registries"' : `there are: ${names.join(', ')}`);
  report(path, `there is no registry ${quoted(name)}`, hint);
  return undefined;
}
