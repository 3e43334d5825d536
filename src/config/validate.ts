import type * as z from 'zod';
import { LISTEN_ADDRESS } from './listen_address.ts';
import { keyPath, type Problem, type Step } from './problem.ts';
import { DURATION, SHARE, shareHint } from './scalars.ts';
import { type ConfigInput, configSchema } from './schema.ts';
import { didYouMean } from './suggest.ts';
import { foundText, keyPlaceOf, placeOf, plainValue, quoted, scalar, subtree, type Tree, withValue } from './tree.ts';
import { SECRET_KEYS } from './yaml_tree.ts';

type Issue = z.core.$ZodIssue;

/** What the schema says of a tree: `input` when it is content, all its problems otherwise. */
export interface Validation {
  readonly input: ConfigInput | null;
  readonly problems: readonly Problem[];
}

/** Holds a tree against the schema. Never throws. */
export function validate(tree: Tree): Validation {
  let typed = tree;
  let result = parse(typed);
  if (!result.success) {
    typed = asText(tree, result.error.issues);
    if (typed !== tree) result = parse(typed);
  }
  if (result.success) return { input: result.data, problems: [] };
  return { input: null, problems: result.error.issues.flatMap((issue) => explain(issue, typed)) };
}

function parse(tree: Tree) {
  return configSchema.safeParse(plainValue(tree), { error: expectation });
}

/** Where text is wanted and a variable or flag brought digits, the digits are the text. */
function asText(tree: Tree, issues: readonly Issue[]): Tree {
  let typed = tree;
  for (const issue of issues) {
    const path = issue.path as Step[];
    const found = subtree(typed, path);
    if (wantsText(issue) && found?.kind === 'scalar' && found.text !== null) {
      typed = withValue(typed, path, scalar(found.text, found.at));
    }
  }
  return typed;
}

function wantsText(issue: Issue): boolean {
  if (issue.code === 'invalid_union')
    return issue.errors.some((branch) => branch.some((inner) => inner.path.length === 0 && wantsText(inner)));
  return issue.code === 'invalid_type' && issue.expected === 'string';
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of names',
};

/** What was expected, for every issue whose schema does not say so itself. */
function expectation(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected as string] ?? `a value of type ${issue.expected}`;
    case 'invalid_value':
      return oneOf(issue.values as readonly unknown[]);
    case 'invalid_union':
      return Array.isArray(issue.options) ? oneOf(issue.options) : '';
    case 'too_small':
      return issue.origin === 'array' ? 'a list with at least one entry' : `at least ${issue.minimum}`;
    case 'unrecognized_keys':
      return Object.keys((issue.inst as unknown as z.ZodObject).shape).join(', ');
    default:
      return 'something else';
  }
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
}

function explain(issue: Issue, tree: Tree): Problem[] {
  const path = issue.path as Step[];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(tree, [...path, key], issue.message.split(', ')));
    case 'invalid_key':
      return [
        {
          at: keyPlaceOf(tree, path),
          key: keyPath(path),
          message: `expected ${issue.issues[0]?.message}, found ${quoted(String(path.at(-1)))}`,
          hint: null,
        },
      ];
    case 'invalid_union': {
      if (issue.errors.length === 0) return mismatch(tree, path, issue.message, discriminators(issue));
      const branches = issue.errors as readonly (readonly Issue[])[];
      const near = nearBranch(branches, issue.message);
      if (near) return near.flatMap((inner) => explain({ ...inner, path: [...path, ...inner.path] } as Issue, tree));
      const options = branches.flatMap((branch) =>
        branch.flatMap((inner) => (inner.code === 'invalid_value' ? inner.values : [])),
      );
      const expected = new Set(branches.map((branch) => branch[0]?.message));
      return mismatch(tree, path, issue.message || [...expected].join(', or '), options);
    }
    case 'invalid_value':
      return mismatch(tree, path, issue.message, issue.values);
    case 'custom':
      return mismatch(tree, path, issue.message, [], (issue.params?.hint as string | null | undefined) ?? null);
    default:
      return mismatch(tree, path, issue.message, []);
  }
}

/**
 * The branch of a union that took the value's type: it knows best what is wrong with it. With several such branches the one whose
 * keys they are; none if nobody's, and the union itself says what it expects.
 */
function nearBranch(branches: readonly (readonly Issue[])[], ofUnion: string): readonly Issue[] | undefined {
  const near = branches.filter((branch) => !branch.some((inner) => inner.path.length === 0 && isTypeMismatch(inner)));
  if (near.length < 2) return near[0];
  const known = near.find((branch) => !branch.some((inner) => inner.code === 'unrecognized_keys'));
  return known ?? (ofUnion === '' ? near[0] : undefined);
}

/** The values of a discriminated union's key: zod gives them at run time, its type does not tell. */
function discriminators(issue: Issue): readonly unknown[] {
  return 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
}

function isTypeMismatch(issue: Issue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

function unknownKey(tree: Tree, path: readonly Step[], known: readonly string[]): Problem {
  const suggestion = didYouMean(String(path.at(-1)), known);
  return {
    at: keyPlaceOf(tree, path),
    key: keyPath(path),
    message: 'unknown key',
    hint: suggestion ?? `known keys: ${known.join(', ')}`,
  };
}

function mismatch(
  tree: Tree,
  path: readonly Step[],
  expected: string,
  options: readonly unknown[],
  hint: string | null = null,
): Problem[] {
  const found = subtree(tree, path);
  if (found === undefined) {
    return [{ at: placeOf(tree, path), key: keyPath(path), message: `is missing; expected ${expected}`, hint }];
  }
  // Its own problem stands in the list already.
  if (found.kind === 'scalar' && found.broken) return [];
  return [
    {
      at: found.at,
      key: keyPath(path),
      message: `expected ${expected}, found ${isSecret(path) ? 'something else' : foundText(found)}`,
      hint: hint ?? valueHint(found, expected, options),
    },
  ];
}

function isSecret(path: readonly Step[]): boolean {
  return path.some((step) => typeof step === 'string' && SECRET_KEYS.has(step));
}

function valueHint(found: Tree, expected: string, options: readonly unknown[]): string | null {
  if (found.kind !== 'scalar' || found.value === null) return null;
  if (typeof found.value === 'string')
    return didYouMean(
      found.value,
      options.filter((option) => typeof option === 'string'),
    );
  if (typeof found.value === 'number' && expected.includes(DURATION))
    return `say the unit: ${found.value}s or ${found.value}ms`;
  if (typeof found.value === 'number' && expected.startsWith(SHARE))
    return found.value === 0 && expected !== SHARE ? null : shareHint(String(found.value));
  if (typeof found.value === 'number' && expected.startsWith(LISTEN_ADDRESS))
    return `say the host, too: 127.0.0.1:${found.value}`;
  return /^a (text|version|zone|host)/.test(expected) ? 'write it in quotes to make it a text' : null;
}
