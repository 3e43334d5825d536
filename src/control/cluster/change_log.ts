import type { Log } from '../../base/log.ts';
import type { ClusterChange } from './cluster.ts';
import { isEmpty } from './diff.ts';

/** Instances named in one line; more are only counted. */
const NAMED = 5;

/** One line for each change of a set: who joined, changed and left, and how many there are. */
export function logChange(log: Log, { name, diff, instances }: ClusterChange): void {
  if (isEmpty(diff)) return;
  const now = instances.length === 1 ? '1 instance' : `${instances.length} instances`;
  log.info(`Service "${name}" has ${now} now.`, {
    service: name,
    joined: addressesOf(diff.added),
    changed: addressesOf(diff.changed),
    left: addressesOf(diff.removed),
    instances: instances.length,
  });
}

function addressesOf(list: readonly { readonly address: string }[]): string | undefined {
  if (list.length === 0) return undefined;
  const named = list.slice(0, NAMED).map(({ address }) => address);
  return named.join(' ') + (list.length > NAMED ? ` and ${list.length - NAMED} more` : '');
}
