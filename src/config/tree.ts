import type { Origin, Step } from './problem.ts';

/**
 * A config before it is checked: plain values, each with the place it came from. Files, environment variables and flags all
 * become trees, so that one set of checks names the right place for each.
 */
export type Tree = ScalarTree | ListTree | MapTree;

/** A text, number, boolean or null. */
export interface ScalarTree {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  readonly at: Origin;
  /**
   * Set when the value was typed from an expanded `${VAR}` or a flag: the text before it was typed. A key that wants text gets
   * this one, so that a password made of digits stays a password.
   */
  readonly text: string | null;
  /** True when the value could not be had (an undefined variable): the reason is reported already. */
  readonly broken: boolean;
}

export interface ListTree {
  readonly kind: 'list';
  readonly items: readonly Tree[];
  readonly at: Origin;
}

export interface MapTree {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly at: Origin;
}

export interface MapEntry {
  /** Where the key stands. */
  readonly keyAt: Origin;
  readonly tree: Tree;
}

/** A scalar without history. */
export function scalar(value: ScalarTree['value'], at: Origin, text: string | null = null): ScalarTree {
  return { kind: 'scalar', value, at, text, broken: false };
}

/** A map whose keys and values all come from one place. */
export function mapOf(entries: Readonly<Record<string, Tree>>, at: Origin): MapTree {
  return {
    kind: 'map',
    entries: new Map(Object.entries(entries).map(([key, tree]) => [key, { keyAt: tree.at, tree }])),
    at,
  };
}

/** The subtree at `path`; undefined when there is none. */
export function subtree(tree: Tree, path: readonly Step[]): Tree | undefined {
  let here: Tree | undefined = tree;
  for (const step of path) {
    if (here?.kind === 'map') here = here.entries.get(String(step))?.tree;
    else if (here?.kind === 'list' && typeof step === 'number') here = here.items[step];
    else return undefined;
  }
  return here;
}

/** The place to point at for `path`: its value, or the nearest thing around it that exists. */
export function placeOf(tree: Tree, path: readonly Step[]): Origin {
  for (let depth = path.length; depth > 0; depth--) {
    const found = subtree(tree, path.slice(0, depth));
    if (found === undefined) continue;
    // A map is long: when something is missing inside it, its own key is the place to look at.
    return found.kind === 'scalar' || depth === path.length ? found.at : keyPlaceOf(tree, path.slice(0, depth));
  }
  return tree.at;
}

/** Where the last key of `path` stands; the value's place for an entry of a list. */
export function keyPlaceOf(tree: Tree, path: readonly Step[]): Origin {
  const parent = subtree(tree, path.slice(0, -1));
  const last = path.at(-1);
  const entry = parent?.kind === 'map' && last !== undefined ? parent.entries.get(String(last)) : undefined;
  return entry?.keyAt ?? placeOf(tree, path);
}

/** The text at `path`; undefined when there is nothing or something else. */
export function textAt(tree: Tree, path: readonly Step[]): string | undefined {
  const found = subtree(tree, path);
  if (found?.kind !== 'scalar' || found.broken) return undefined;
  return typeof found.value === 'string' ? found.value : (found.text ?? undefined);
}

/** The keys of the map at `path`; none when there is no map. */
export function keysAt(tree: Tree, path: readonly Step[]): string[] {
  const found = subtree(tree, path);
  return found?.kind === 'map' ? [...found.entries.keys()] : [];
}

/** How many entries the list at `path` has; 0 when there is no list. */
export function lengthAt(tree: Tree, path: readonly Step[]): number {
  const found = subtree(tree, path);
  return found?.kind === 'list' ? found.items.length : 0;
}

/**
 * A copy of `tree` with the value at `path` replaced; missing maps on the way are made. Where something on the way is not a map
 * the tree stays as it is: the check of that key reports it.
 */
export function withValue(tree: Tree, path: readonly Step[], value: Tree): Tree {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (tree.kind === 'list' && typeof step === 'number') {
    return { ...tree, items: tree.items.map((item, at) => (at === step ? withValue(item, rest, value) : item)) };
  }
  if (tree.kind !== 'map') return tree;
  const before = tree.entries.get(String(step));
  const inner = before?.tree ?? mapOf({}, value.at);
  const entries = new Map(tree.entries);
  entries.set(String(step), {
    keyAt: rest.length === 0 ? value.at : (before?.keyAt ?? value.at),
    tree: withValue(inner, rest, value),
  });
  return { ...tree, entries };
}

/** The bare values, as the schema takes them. */
export function plainValue(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'list':
      return tree.items.map(plainValue);
    case 'map':
      return Object.fromEntries([...tree.entries].map(([key, entry]) => [key, plainValue(entry.tree)]));
  }
}

const LONGEST_SHOWN = 60;

/** What was found, as a message says it: `the number 5`, `"abc"`, `a list`, `nothing`. */
export function foundText(tree: Tree | undefined): string {
  if (tree === undefined) return 'nothing';
  if (tree.kind === 'list') return tree.items.length === 0 ? 'an empty list' : 'a list';
  if (tree.kind === 'map') return 'a map of keys';
  if (tree.value === null) return 'nothing';
  if (typeof tree.value === 'number') return `the number ${tree.value}`;
  if (typeof tree.value === 'boolean') return String(tree.value);
  return quoted(tree.value);
}

/** Text in quotes, on one line and not too long, with the password of a URL starred out. */
export function quoted(text: string): string {
  const shown = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
  return JSON.stringify(shown.replace(URL_PASSWORD, '$1***@'));
}

/** The user part of a URL, up to the last `@` before its path. */
const URL_PASSWORD = /(:\/\/)[^/\s]*@/g;
