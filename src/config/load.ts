import type { Config } from './config.ts';
import { consistencyProblems } from './consistency.ts';
import { type ConfigFlags, describesRegistry, flagTree, strayFlags, withEnvironment, withFlags } from './overrides.ts';
import { compareProblems, type Problem, problemText } from './problem.ts';
import { referenceProblems } from './references.ts';
import { registerProblems } from './register_problems.ts';
import { resolveConfig } from './resolve.ts';
import { tlsProblems } from './tls_problems.ts';
import type { Tree } from './tree.ts';
import { validate } from './validate.ts';
import type { Env } from './variables.ts';
import { parseYamlTree } from './yaml_tree.ts';

/** What a config is made of: a file or the flags alone, then the environment, then the flags, the later ones winning. */
export interface ConfigSource {
  readonly file: ConfigText | null;
  readonly flags: ConfigFlags;
  readonly env: Env;
  /** What relative paths in flags are relative to. */
  readonly cwd: string;
}

/** A config file that has been read. */
export interface ConfigText {
  /** As the user named it; problems show this name. */
  readonly name: string;
  readonly text: string;
  /** What relative paths in the file are relative to: its directory. */
  readonly directory: string;
}

/** A config, or everything that is wrong with it. */
export type LoadResult =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

/** Checks and completes a config. Reads nothing and never throws, whatever the text. */
export function loadConfig(source: ConfigSource): LoadResult {
  const { file, flags, env } = source;
  const base = file === null ? flagTree(flags) : parseYamlTree(file.name, file.text, env);
  const stray = file === null ? [] : fileAndFlags(file.name, flags);
  if (base.tree === null) return failed([...base.problems, ...stray]);
  const tree: Tree = withFlags(withEnvironment(base.tree, env), flags);
  const { input, problems } = validate(tree);
  // Names cannot be followed in something that is no map; the schema has said so.
  const related =
    tree.kind === 'map'
      ? [...referenceProblems(tree), ...consistencyProblems(tree), ...registerProblems(tree), ...tlsProblems(tree)]
      : [];
  const all = [...base.problems, ...stray, ...problems, ...related];
  if (input === null || all.length > 0) return failed(all);
  return { kind: 'config', config: resolveConfig(input, file?.name ?? null, file?.directory ?? source.cwd) };
}

function failed(problems: readonly Problem[]): LoadResult {
  const seen = new Set<string>();
  const distinct = problems.filter((problem) => {
    const identity = problemText(problem);
    return !seen.has(identity) && seen.add(identity);
  });
  return { kind: 'problems', problems: distinct.sort(compareProblems) };
}

function fileAndFlags(name: string, flags: ConfigFlags): Problem[] {
  if (flags.register !== undefined) {
    const hint =
      'list it under "register" in the file, or give the registry with --etcd or --consul and leave the file out';
    const message = `cannot be combined with the config file ${name}`;
    return [{ at: { kind: 'flag', name: '--service' }, key: '', message, hint }];
  }
  if (!describesRegistry(flags)) return strayFlags(flags, false);
  const given = (['etcd', 'consul', 'file', 'static'] as const).filter((key) => flags[key] !== undefined);
  const hint = 'write the registry into the file, or leave --config out';
  return given.map((key) => ({
    at: { kind: 'flag', name: `--${key}` },
    key: '',
    message: `cannot be combined with the config file ${name}`,
    hint,
  }));
}
