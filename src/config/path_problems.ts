import { parseConsulPath } from './consul_path.ts';
import { DNS_PATH, parseDnsPath } from './dns_path.ts';
import { KUBERNETES_PATH, parseKubernetesPath } from './kubernetes_path.ts';
import type { Step } from './problem.ts';
import { isGiven, type Report } from './report.ts';
import { quoted, type Tree, textAt } from './tree.ts';
import type { UsedRegistry } from './used_registries.ts';

/** Finds a path that Consul could never look up, and a `format` that it does not have. `user`: the service, or `discover`. */
export function checkConsulPath(
  tree: Tree,
  user: readonly Step[],
  byDefault: string,
  { pathAt }: UsedRegistry,
  all: readonly UsedRegistry[],
  report: Report,
): void {
  const parsed = parseConsulPath(textAt(tree, pathAt) ?? byDefault);
  if (!parsed.ok) report(pathAt, parsed.problem, parsed.hint);
  // The format is for the others then.
  if (all.some(({ type }) => type !== 'consul')) return;
  const format = textAt(tree, [...user, 'format']) ?? 'auto';
  if (format !== 'auto')
    report(
      [...user, 'format'],
      'does not go with a Consul registry, which has records of its own',
      'leave it out',
      true,
    );
}

/** Finds a path that DNS or Kubernetes could never look up, and a `format` that they do not have. */
export function checkPath(
  tree: Tree,
  user: readonly Step[],
  registry: UsedRegistry,
  all: readonly UsedRegistry[],
  report: Report,
): void {
  const { type } = registry;
  if (type !== 'dns' && type !== 'kubernetes') return;
  const format = textAt(tree, [...user, 'format']) ?? 'auto';
  // With others beside it, the format is for them.
  if (format !== 'auto' && all.length === 1) {
    const message = `does not go with the registry ${quoted(registry.name)} of type ${type}, which holds no records`;
    report([...user, 'format'], message, 'leave it out', true);
  }
  const where = registry.pathAt;
  const isDiscover = user[0] === 'discover';
  if (!isGiven(tree, where)) {
    if (type === 'kubernetes') return;
    const hint = `for example "path: ${JSON.stringify(`${isDiscover ? '{service}' : user[1]}.internal:50051`)}"`;
    report(where, `is missing; the registry ${quoted(registry.name)} is of type dns`, hint);
    return;
  }
  const text = textAt(tree, where);
  if (text === undefined || text === '') return;
  const path = isDiscover ? text.replaceAll('{service}', 'x') : text;
  const right = type === 'dns' ? parseDnsPath(path) !== null : parseKubernetesPath(path) !== null;
  if (!right) report(where, `expected ${type === 'dns' ? DNS_PATH : KUBERNETES_PATH}, found ${quoted(text)}`);
}
