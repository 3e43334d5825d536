import { checkInstances } from './instance_problems.ts';
import { checkListeners } from './listener_problems.ts';
import type { Problem, Step } from './problem.ts';
import { checkRegistry } from './registry_problems.ts';
import { type Report, reportInto } from './report.ts';
import { checkResilience } from './resilience_problems.ts';
import { checkRoutes } from './route_problems.ts';
import { checkMatches, checkSpreading } from './routing_problems.ts';
import { keysAt, type Tree } from './tree.ts';
import { checkVersion } from './version_problems.ts';

/** Values that are fine alone but not together. Like `referenceProblems` it works on any tree. */
export function consistencyProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const report = reportInto(problems, tree);
  const listeners = checkListeners(tree, report);
  for (const name of keysAt(tree, ['registries'])) checkRegistry(tree, ['registries', name], report);
  for (const name of keysAt(tree, ['services'])) {
    checkInstances(tree, ['services', name, 'instances'], listeners, report);
    checkTuning(tree, ['services', name], report);
  }
  checkTuning(tree, ['discover'], report);
  checkRoutes(tree, report);
  return problems;
}

/** What a service and `discover` have in common. */
function checkTuning(tree: Tree, service: readonly Step[], report: Report): void {
  checkVersion(tree, service, report);
  checkMatches(tree, service, report);
  checkSpreading(tree, service, report);
  checkResilience(tree, service, report);
}
