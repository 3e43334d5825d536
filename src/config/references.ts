import { checkNeeds, checkServiceNames } from './name_problems.ts';
import { checkConsulPath, checkPath } from './path_problems.ts';
import type { Problem } from './problem.ts';
import { isGiven, type Report, reportInto } from './report.ts';
import { keysAt, lengthAt, quoted, subtree, type Tree } from './tree.ts';
import { checkRegistries } from './used_registries.ts';

/**
 * Names that lead nowhere, and keys that do not go with the registry they are used with. Works on a tree that may break the
 * schema as well, and leaves what the schema reports to the schema.
 */
export function referenceProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const report = reportInto(problems, tree);
  checkServices(tree, report);
  checkDiscover(tree, report);
  checkServiceNames(tree, report);
  checkNeeds(tree, report);
  const services = subtree(tree, ['services']);
  const noService = services === undefined || (services.kind === 'map' && services.entries.size === 0);
  const noOther = !isGiven(tree, ['inbound']) && lengthAt(tree, ['register']) === 0;
  if (noService && !isGiven(tree, ['discover']) && noOther) {
    const hint = 'list services under "services", or give a registry under "discover"';
    report([], 'names no service: there is nothing to balance', hint);
  }
  return problems;
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
