import type { Step } from './problem.ts';
import { isGiven, type Report } from './report.ts';
import { didYouMean } from './suggest.ts';
import { keysAt, lengthAt, quoted, type Tree, textAt } from './tree.ts';

/** Finds services that nobody has told of: a name that is not listed may still be found by looking it up. */
export function checkServiceNames(tree: Tree, report: Report): void {
  if (isGiven(tree, ['discover'])) return;
  const paths: Step[][] = [['default_service']];
  for (let at = 0; at < lengthAt(tree, ['routes']); at++) paths.push(['routes', at, 'service']);
  for (const path of paths) {
    const name = textAt(tree, path);
    if (name !== undefined && name !== '') checkServiceName(tree, path, name, report);
  }
}

/** @param onKey the name is the key itself */
function checkServiceName(tree: Tree, path: readonly Step[], name: string, report: Report, onKey = false): void {
  const names = keysAt(tree, ['services']);
  if (names.includes(name)) return;
  const list = names.length === 0 ? 'add it under "services"' : `there are: ${names.join(', ')}`;
  report(path, `there is no service ${quoted(name)}`, didYouMean(name, names) ?? list, onKey);
}

/** Finds `needs` that are for services that do not exist, or for an app whose version nobody knows. */
export function checkNeeds(tree: Tree, report: Report): void {
  const versions = keysAt(tree, ['needs']);
  if (versions.length === 0) return;
  if (!isGiven(tree, ['app', 'version']) && !isGiven(tree, ['register', 0, 'version'])) {
    const hint = 'give app.version (or the version of the first entry of "register")';
    report(['needs'], 'has no effect: the version of the app is not known', hint, true);
  }
  if (isGiven(tree, ['discover'])) return;
  for (const version of versions) {
    for (const name of keysAt(tree, ['needs', version]))
      checkServiceName(tree, ['needs', version, name], name, report, true);
  }
}
