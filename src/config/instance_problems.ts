import { parseAddress, type Target } from '../model/instance.ts';
import type { Listener } from './listener_problems.ts';
import { keyPath, type Step } from './problem.ts';
import type { Report } from './report.ts';
import { lengthAt, quoted, type Tree, textAt } from './tree.ts';

/** Finds instances that are listed twice, and those that are this sidecar. `path`: the list. */
export function checkInstances(
  tree: Tree,
  path: readonly Step[],
  listeners: readonly Listener[],
  report: Report,
): void {
  const seen = new Map<string, number>();
  for (let at = 0; at < lengthAt(tree, path); at++) {
    const where = [...path, at, 'address'];
    const address = textAt(tree, where);
    if (address === undefined) continue;
    const first = seen.get(address);
    if (first !== undefined) {
      report(
        where,
        `${quoted(address)} is the address of instances[${first}], too`,
        'one address is one instance: remove one of them',
      );
      continue;
    }
    seen.set(address, at);
    const target = parseAddress(address);
    const self = listeners.find((listener) => target !== null && sameTarget(listener.target, target));
    if (self)
      report(where, `is where Outrigger itself listens (${keyPath(self.path)})`, 'give the address of the instance');
  }
}

function sameTarget(a: Target, b: Target): boolean {
  if ('path' in a || 'path' in b) return 'path' in a && 'path' in b && a.path === b.path;
  return a.host === b.host && a.port === b.port;
}
