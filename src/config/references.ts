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
  if (noService && !isGiven(tree, ['discover'])) {
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
    const registry = checkRegistry(tree, service, report);
    if (registry === undefined) continue;
    if (registry.type !== 'static') {
      if (!isGiven(tree, [...service, 'instances'])) continue;
      const hint = 'name a registry of type static, or leave the instances out';
      report(
        [...service, 'instances'],
        `the registry ${quoted(registry.name)} finds the instances by itself`,
        hint,
        true,
      );
      continue;
    }
    if (subtree(tree, [...service, 'instances']) === undefined) {
      const hint = 'add "instances: [ { address: 127.0.0.1:50051 } ]"';
      report([...service, 'instances'], `is missing; the registry ${quoted(registry.name)} is static`, hint);
    }
    for (const key of ['path', 'format']) {
      if (!isGiven(tree, [...service, key])) continue;
      report([...service, key], `does not go with the static registry ${quoted(registry.name)}`, 'leave it out', true);
    }
  }
}

function checkDiscover(tree: Tree, report: Report): void {
  if (subtree(tree, ['discover'])?.kind !== 'map') return;
  const registry = checkRegistry(tree, ['discover'], report);
  if (registry?.type !== 'static') return;
  const message = `the registry ${quoted(registry.name)} is static: there is nothing to look names up in`;
  report(['discover', 'registry'], message, 'name another registry, or list the services under "services"');
}

/** The registry that a service or `discover` uses; undefined when that cannot be told. */
function checkRegistry(tree: Tree, user: readonly Step[], report: Report): { name: string; type: string } | undefined {
  const path = [...user, 'registry'];
  const names = keysAt(tree, ['registries']);
  let name: string | undefined;
  if (subtree(tree, path) === undefined) {
    if (names.length !== 1) {
      const message =
        names.length === 0
          ? 'there is no registry to find instances in'
          : `is missing; there are several registries: ${names.join(', ')}`;
      report(path, message, names.length === 0 ? 'add one under "registries"' : null);
      return undefined;
    }
    name = names[0] as string;
  } else {
    name = textAt(tree, path);
    if (name === undefined || name === '') return undefined;
    if (!names.includes(name)) {
      const hint =
        didYouMean(name, names) ??
        (names.length === 0 ? 'add it under "registries"' : `there are: ${names.join(', ')}`);
      report(path, `there is no registry ${quoted(name)}`, hint);
      return undefined;
    }
  }
  const type = textAt(tree, ['registries', name, 'type']);
  return type === undefined ? undefined : { name, type };
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
