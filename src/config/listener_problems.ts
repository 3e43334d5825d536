import type { Target } from '../model/instance.ts';
import { listenersClash, parseListenAddress } from './listen_address.ts';
import { keyPath, type Step } from './problem.ts';
import type { Report } from './report.ts';
import { subtree, type Tree, textAt } from './tree.ts';

/** Where Outrigger will listen, and the key that says so. */
export interface Listener {
  readonly path: readonly Step[];
  readonly target: Target;
}

/** The defaults count, too: `listen: 127.0.0.1:15000` takes the admin's address. */
const DEFAULT_LISTENERS = {
  listen: '127.0.0.1:15001',
  admin: '127.0.0.1:15000',
  telemetry: '0.0.0.0:15020',
  inbound: '0.0.0.0:15006',
  admin_grpc: '127.0.0.1:15010',
} as const;

/** Finds the addresses that would be taken twice. */
export function checkListeners(tree: Tree, report: Report): Listener[] {
  const listeners: Listener[] = [];
  for (const key of ['listen', 'admin', 'telemetry', 'inbound', 'admin_grpc'] as const) {
    if (key === 'inbound' && subtree(tree, [key])?.kind !== 'map') continue;
    if (key === 'admin_grpc' && textAt(tree, [key]) === undefined) continue;
    const own: Step[] = key === 'inbound' ? [key, 'listen'] : [key];
    const found = subtree(tree, own);
    const paths: Step[][] =
      found?.kind === 'list'
        ? found.items.map((item, at) => (item.kind === 'map' ? [key, at, 'address'] : [key, at]))
        : [own];
    for (const path of paths) {
      const address = found === undefined ? DEFAULT_LISTENERS[key] : textAt(tree, path);
      const target = address === undefined ? null : parseListenAddress(address);
      if (target === null) continue;
      const other = listeners.find((listener) => listenersClash(listener.target, target));
      if (other) {
        // Whichever of the two was written down is the one to point at.
        const [here, there] = found === undefined ? [other.path, path] : [path, other.path];
        const isDefault = subtree(tree, there) === undefined ? ' (by default)' : '';
        report(here, `takes the same address as ${keyPath(there)}${isDefault}`, 'give each listener a port of its own');
      }
      listeners.push({ path, target });
    }
  }
  return listeners;
}
