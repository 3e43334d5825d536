import type { Step } from './problem.ts';
import type { Report } from './report.ts';
import { formatDuration, parseDuration } from './scalars.ts';
import { lengthAt, subtree, type Tree, textAt } from './tree.ts';

/** What does not go together in an entry of `registries`. */
export function checkRegistry(tree: Tree, registry: readonly Step[], report: Report): void {
  switch (textAt(tree, [...registry, 'type'])) {
    case 'etcd':
      return checkEtcd(tree, registry, report);
    case 'consul':
      return checkConsul(tree, registry, report);
    case 'kubernetes':
      return checkKubernetes(tree, registry, report);
    case 'dns':
      return checkDns(tree, registry, report);
    case 'zookeeper':
      return checkZookeeper(tree, registry, report);
    case 'eureka':
      return checkEureka(tree, registry, report);
    default:
      // The others have nothing to contradict, and what is no type at all is for the schema to report.
      return;
  }
}

function checkEtcd(tree: Tree, registry: readonly Step[], report: Report): void {
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
  checkUsers(tree, registry, 'endpoints', users, report);
  checkTls(tree, [...registry, 'tls'], schemes, report);
}

function checkConsul(tree: Tree, registry: readonly Step[], report: Report): void {
  const address = textAt(tree, [...registry, 'address']) ?? 'http:';
  checkTls(tree, [...registry, 'tls'], new Set([address.replace(/\/.*$/, '')]), report, 'address');
  if ((textAt(tree, [...registry, 'token']) ?? '') !== '' && subtree(tree, [...registry, 'token_file']) !== undefined)
    report([...registry, 'token_file'], 'does not go with "token"', 'give one of the two');
}

function checkKubernetes(tree: Tree, registry: readonly Step[], report: Report): void {
  const address = textAt(tree, [...registry, 'address']);
  const url = address !== undefined && URL.canParse(address) ? new URL(address) : null;
  if (url !== null && url.username !== '')
    report([...registry, 'address'], 'names a user', 'a token or a certificate says who asks: "token_file" or "tls"');
  if (url?.protocol === 'http:' && subtree(tree, [...registry, 'token_file']) !== undefined)
    report([...registry, 'token_file'], 'would be sent in clear text', 'write https:// in "address"');
  checkTls(tree, [...registry, 'tls'], new Set(url === null ? [] : [url.protocol]), report, 'address');
}

function checkDns(tree: Tree, registry: readonly Step[], report: Report): void {
  const bound = (key: string, otherwise: number): number => {
    const text = textAt(tree, [...registry, key]);
    const duration = text === undefined ? null : parseDuration(text);
    return duration?.ok ? duration.value : otherwise;
  };
  const least = bound('min_ttl', 1_000);
  const most = bound('max_ttl', 30_000);
  const key = subtree(tree, [...registry, 'max_ttl']) === undefined ? 'min_ttl' : 'max_ttl';
  if (least > most)
    report([...registry, key], `min_ttl (${formatDuration(least)}) is above max_ttl (${formatDuration(most)})`);
}

function checkZookeeper(tree: Tree, registry: readonly Step[], report: Report): void {
  const roots = new Set<string>();
  const hosts = new Set<string>();
  for (let at = 0; at < lengthAt(tree, [...registry, 'servers']); at++) {
    const path = [...registry, 'servers', at];
    const [, host = '', root = ''] = /^([^/]*)(\/.*?)?\/?$/.exec(textAt(tree, path) ?? '') ?? [];
    if (hosts.has(host)) report(path, `names ${host} a second time`, 'remove it');
    hosts.add(host);
    if (root !== '') roots.add(root);
  }
  if (roots.size > 1) report([...registry, 'servers'], 'gives more than one path', 'one path holds for all servers');
  checkUser(tree, registry, report);
}

function checkEureka(tree: Tree, registry: readonly Step[], report: Report): void {
  const schemes = new Set<string>();
  const users = new Set<string>();
  for (let at = 0; at < lengthAt(tree, [...registry, 'urls']); at++) {
    const text = textAt(tree, [...registry, 'urls', at]);
    if (text === undefined || !URL.canParse(text)) continue;
    const url = new URL(text);
    schemes.add(url.protocol);
    if (url.username !== '') users.add(`${url.username}:${url.password}`);
  }
  checkUsers(tree, registry, 'urls', users, report);
  if (!schemes.has('https:')) checkTls(tree, [...registry, 'tls'], schemes, report, 'urls');
  else checkTls(tree, [...registry, 'tls'], new Set(), report, 'urls');
}

/** A user stands in URLs or beside them, and in one way only; `users` are those of the URLs under `key`. */
function checkUsers(
  tree: Tree,
  registry: readonly Step[],
  key: string,
  users: ReadonlySet<string>,
  report: Report,
): void {
  if (users.size > 1 || (users.size === 1 && subtree(tree, [...registry, 'username']) !== undefined))
    report([...registry, key], 'gives more than one user', 'give the user once, as "username" and "password"');
  checkUser(tree, registry, report);
}

function checkUser(tree: Tree, registry: readonly Step[], report: Report): void {
  const given = (['username', 'password'] as const).filter((key) => {
    const half = subtree(tree, [...registry, key]);
    return half !== undefined && !(half.kind === 'scalar' && half.value === '');
  });
  if (given.length !== 1) return;
  report([...registry, given[0] === 'username' ? 'password' : 'username'], `is missing; ${given[0]} needs it`);
}

function checkTls(
  tree: Tree,
  path: readonly Step[],
  schemes: ReadonlySet<string>,
  report: Report,
  key = 'endpoints',
): void {
  const tls = subtree(tree, path);
  if (tls?.kind !== 'map') return;
  if (schemes.has('http:'))
    report(path, `does not go with http ${key}`, `write https:// in "${key}", or leave "tls" out`);
  for (const [given, missing] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (tls.entries.has(given) && !tls.entries.has(missing))
      report([...path, missing], `is missing; ${given} needs it`);
  }
}
