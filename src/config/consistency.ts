import { parseAddress, type Target } from '../model/instance.ts';
import { listenersClash, parseListenAddress } from './listen_address.ts';
import { keyPath, type Problem, type Step } from './problem.ts';
import { keysAt, lengthAt, placeOf, quoted, subtree, type Tree, textAt } from './tree.ts';

/** Values that are fine alone but not together. Like `referenceProblems` it works on any tree. */
export function consistencyProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const report: Report = (path, message, hint = null) => {
    problems.push({ at: placeOf(tree, path), key: keyPath(path), message, hint });
  };
  const listeners = checkListeners(tree, report);
  for (const name of keysAt(tree, ['registries'])) checkEtcd(tree, ['registries', name], report);
  for (const name of keysAt(tree, ['services'])) {
    checkInstances(tree, ['services', name, 'instances'], listeners, report);
    checkFallback(tree, ['services', name, 'version', 'fallback'], report);
  }
  checkFallback(tree, ['discover', 'version', 'fallback'], report);
  checkRoutes(tree, report);
  return problems;
}

type Report = (path: readonly Step[], message: string, hint?: string | null) => void;

interface Listener {
  readonly path: readonly Step[];
  readonly target: Target;
}

/** The defaults count, too: `listen: 127.0.0.1:15000` takes the admin's address. */
const DEFAULT_LISTENERS = { listen: '127.0.0.1:15001', admin: '127.0.0.1:15000', telemetry: '0.0.0.0:15020' } as const;

function checkListeners(tree: Tree, report: Report): Listener[] {
  const listeners: Listener[] = [];
  for (const key of ['listen', 'admin', 'telemetry'] as const) {
    const found = subtree(tree, [key]);
    const paths: Step[][] = found?.kind === 'list' ? found.items.map((_, at) => [key, at]) : [[key]];
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

function checkInstances(tree: Tree, path: readonly Step[], listeners: readonly Listener[], report: Report): void {
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

function checkFallback(tree: Tree, path: readonly Step[], report: Report): void {
  const seen = new Set<string>();
  for (let at = 0; at < lengthAt(tree, path); at++) {
    const version = textAt(tree, [...path, at]);
    if (version === undefined) continue;
    if (version === 'none' || version === 'any') {
      report(
        [...path, at],
        `"${version}" cannot stand in a list of versions`,
        `write "fallback: ${version}", or versions only`,
      );
    } else if (seen.has(version)) {
      report([...path, at], `names the version ${quoted(version)} a second time`, 'remove it');
    }
    seen.add(version);
  }
}

function checkEtcd(tree: Tree, registry: readonly Step[], report: Report): void {
  if (textAt(tree, [...registry, 'type']) !== 'etcd') return;
  const schemes = new Set<string>();
  const users = new Set<string>();
  const hosts = new Set<string>();
  for (let at = 0; at < lengthAt(tree, [...registry, 'endpoints']); at++) {
    const path = [...registry, 'endpoints', at];
    const text = textAt(tree, path);
    if (text === undefined || !URL.canParse(text)) continue;
    const url = new URL(text);
    if (hosts.has(url.host)) report(path, `names ${url.host} a second time`, 'remove it');
    hosts.add(url.host);
    if (schemes.size > 0 && !schemes.has(url.protocol))
      report(path, 'mixes http and https', 'use one scheme for all endpoints');
    schemes.add(url.protocol);
    if (url.username !== '') users.add(`${url.username}:${url.password}`);
  }
  const username = subtree(tree, [...registry, 'username']);
  const password = subtree(tree, [...registry, 'password']);
  if (users.size > 1 || (users.size === 1 && username !== undefined)) {
    report([...registry, 'endpoints'], 'gives more than one user', 'give the user once, as "username" and "password"');
  }
  const halves = [username, password].map(
    (half) => half !== undefined && !(half.kind === 'scalar' && half.value === ''),
  );
  if (halves[0] !== halves[1]) {
    const [given, missing] = halves[0] ? ['username', 'password'] : ['password', 'username'];
    report([...registry, missing as string], `is missing; ${given} needs it`);
  }
  checkTls(tree, [...registry, 'tls'], schemes, report);
}

function checkTls(tree: Tree, path: readonly Step[], schemes: ReadonlySet<string>, report: Report): void {
  const tls = subtree(tree, path);
  if (tls?.kind !== 'map') return;
  if (schemes.has('http:'))
    report(path, 'does not go with http endpoints', 'write https:// in "endpoints", or leave "tls" out');
  for (const [given, missing] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (tls.entries.has(given) && !tls.entries.has(missing))
      report([...path, missing], `is missing; ${given} needs it`);
  }
}

function checkRoutes(tree: Tree, report: Report): void {
  const earlier: { readonly path: string; readonly host: string | undefined }[] = [];
  for (let at = 0; at < lengthAt(tree, ['routes']); at++) {
    const path = textAt(tree, ['routes', at, 'path']);
    const host = textAt(tree, ['routes', at, 'host']);
    if (path === undefined) continue;
    const first = earlier.findIndex(
      (route) => path.startsWith(route.path) && (route.host === undefined || route.host === host),
    );
    if (first !== -1) {
      report(
        ['routes', at],
        `never matches: routes[${first}] takes all its requests`,
        'put the more specific route first',
      );
    }
    earlier.push({ path, host });
  }
}
