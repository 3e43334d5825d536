import { parseConsulPath } from './consul_path.ts';
import { DNS_PATH, parseDnsPath } from './dns_path.ts';
import { KUBERNETES_PATH, parseKubernetesPath } from './kubernetes_path.ts';
import { keyPath, type Problem, type Step } from './problem.ts';
import { didYouMean } from './suggest.ts';
import { keyPlaceOf, keysAt, lengthAt, placeOf, quoted, subtree, type Tree, textAt } from './tree.ts';

/**
 * Names that lead nowhere, and keys that do not go with the registry they are used with. Works on a tree that may break the
 * schema as well, and leaves what the schema reports to the schema.
 */
export function referenceProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const report: Report = (path, message, hint = null, onKey = false) => {
    problems.push({ at: onKey ? keyPlaceOf(tree, path) : placeOf(tree, path), key: keyPath(path), message, hint });
  };
  checkServices(tree, report);
  checkDiscover(tree, report);
  checkServiceNames(tree, report);
  const services = subtree(tree, ['services']);
  const noService = services === undefined || (services.kind === 'map' && services.entries.size === 0);
  const noOther = !isGiven(tree, ['inbound']) && lengthAt(tree, ['register']) === 0;
  if (noService && !isGiven(tree, ['discover']) && noOther) {
    const hint = 'list services under "services", or give a registry under "discover"';
    report([], 'names no service: there is nothing to balance', hint);
  }
  return problems;
}

/** @param onKey true to point at the key instead of its value */
type Report = (path: readonly Step[], message: string, hint?: string | null, onKey?: boolean) => void;

/** Whether a key is there with a value other than null. */
function isGiven(tree: Tree, path: readonly Step[]): boolean {
  const found = subtree(tree, path);
  return found !== undefined && (found.kind !== 'scalar' || found.broken || found.value !== null);
}

function checkServices(tree: Tree, report: Report): void {
  for (const name of keysAt(tree, ['services'])) {
    const service = ['services', name];
    if (subtree(tree, service)?.kind !== 'map') continue;
    const registries = checkRegistries(tree, service, report);
    for (const registry of registries) {
      if (registry.type === 'consul') checkConsulPath(tree, service, name, registry, registries, report);
      checkPath(tree, service, registry, registries, report);
    }
    const fixed = registries.find(({ type }) => type === 'static');
    const [first] = registries;
    if (first === undefined) continue;
    if (fixed === undefined) {
      if (!isGiven(tree, [...service, 'instances'])) continue;
      const hint = 'name a registry of type static, or leave the instances out';
      report([...service, 'instances'], `the registry ${quoted(first.name)} finds the instances by itself`, hint, true);
      continue;
    }
    if (subtree(tree, [...service, 'instances']) === undefined) {
      const hint = 'add "instances: [ { address: 127.0.0.1:50051 } ]"';
      report([...service, 'instances'], `is missing; the registry ${quoted(fixed.name)} is static`, hint);
    }
    if (registries.some(({ type }) => type !== 'static')) continue;
    for (const key of ['path', 'format']) {
      if (!isGiven(tree, [...service, key])) continue;
      report([...service, key], `does not go with the static registry ${quoted(fixed.name)}`, 'leave it out', true);
    }
  }
}

function checkConsulPath(
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

function checkDiscover(tree: Tree, report: Report): void {
  if (subtree(tree, ['discover'])?.kind !== 'map') return;
  const registries = checkRegistries(tree, ['discover'], report);
  for (const registry of registries) {
    if (registry.type === 'consul') checkConsulPath(tree, ['discover'], '{service}', registry, registries, report);
    checkPath(tree, ['discover'], registry, registries, report);
    if (registry.type !== 'static') continue;
    const message = `the registry ${quoted(registry.name)} is static: there is nothing to look names up in`;
    report(registry.namedAt, message, 'name another registry, or list the services under "services"');
  }
}

/** A path that its registry could never look up. */
function checkPath(
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

/** A registry that a service or `discover` uses. */
interface UsedRegistry {
  readonly name: string;
  readonly type: string;
  /** Where its name and its path stand, or would. */
  readonly namedAt: readonly Step[];
  readonly pathAt: readonly Step[];
}

/** The registries that a service or `discover` uses; without those of which that cannot be told. */
function checkRegistries(tree: Tree, user: readonly Step[], report: Report): UsedRegistry[] {
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

function checkServiceNames(tree: Tree, report: Report): void {
  // A name that is not listed may still be found by looking it up.
  if (isGiven(tree, ['discover'])) return;
  const paths: Step[][] = [['default_service']];
  for (let at = 0; at < lengthAt(tree, ['routes']); at++) paths.push(['routes', at, 'service']);
  const names = keysAt(tree, ['services']);
  for (const path of paths) {
    const name = textAt(tree, path);
    if (name === undefined || name === '' || names.includes(name)) continue;
    const hint =
      didYouMean(name, names) ?? (names.length === 0 ? 'add it under "services"' : `there are: ${names.join(', ')}`);
    report(path, `there is no service ${quoted(name)}`, hint);
  }
}
