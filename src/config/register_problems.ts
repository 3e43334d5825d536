import { parseAddress } from '../model/instance.ts';
import { isLoopbackHost } from './loopback.ts';
import { keyPath, type Problem, type Step } from './problem.ts';
import { didYouMean } from './suggest.ts';
import { keysAt, lengthAt, placeOf, quoted, subtree, type Tree, textAt } from './tree.ts';

/** Types of registries that an app can be registered in. */
const REGISTRABLE = ['etcd', 'consul'] as const;

/** What is wrong with `register:` beyond the shape of its entries. Like `referenceProblems` it works on any tree. */
export function registerProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  for (let at = 0; at < lengthAt(tree, ['register']); at++) {
    const entry: Step[] = ['register', at];
    const report: Report = (key, message, hint) => {
      const path = [...entry, key];
      problems.push({ at: placeOf(tree, path), key: keyPath(path), message, hint });
    };
    const registry = checkRegistry(tree, entry, report);
    if (registry === null) continue;
    checkAddress(tree, entry, registry, report);
    const text = (key: string): string => textAt(tree, [...entry, key]) ?? '';
    const same = `${registry} ${text('service')} ${text('address')} ${text('id')} ${text('path')} ${portText(tree, entry)}`;
    const first = seen.get(same);
    if (first === undefined) seen.set(same, at);
    else report('service', `is registered at the same place by register[${first}]`, 'remove one of them');
  }
  return problems;
}

type Report = (key: string, message: string, hint: string | null) => void;

function portText(tree: Tree, entry: readonly Step[]): string {
  const port = subtree(tree, [...entry, 'port']);
  return port?.kind === 'scalar' ? String(port.value) : '';
}

/** The name of the registry; null when it cannot be used, which is reported here or by the schema. */
function checkRegistry(tree: Tree, entry: readonly Step[], report: Report): string | null {
  const names = keysAt(tree, ['registries']);
  const given = subtree(tree, [...entry, 'registry']);
  if (given === undefined && names.length !== 1) {
    if (names.length === 0) report('registry', 'there is no registry to register in', 'add one under "registries"');
    else report('registry', `is missing; there are several registries: ${names.join(', ')}`, null);
    return null;
  }
  const name = given === undefined ? names[0] : textAt(tree, [...entry, 'registry']);
  if (name === undefined || name === '') return null;
  if (!names.includes(name)) {
    const hint =
      didYouMean(name, names) ?? (names.length === 0 ? 'add it under "registries"' : `there are: ${names.join(', ')}`);
    report('registry', `there is no registry ${quoted(name)}`, hint);
    return null;
  }
  const type = textAt(tree, ['registries', name, 'type']);
  if (type === undefined) return null;
  if ((REGISTRABLE as readonly string[]).includes(type)) return name;
  report(
    'registry',
    `the registry ${quoted(name)} is of type ${type}: Outrigger does not register there`,
    `name a registry of type ${REGISTRABLE.join(' or ')}`,
  );
  return null;
}

function checkAddress(tree: Tree, entry: readonly Step[], registry: string, report: Report): void {
  const address = textAt(tree, [...entry, 'address']);
  if (address === undefined) return;
  const target = parseAddress(address);
  const host = target === null ? address : 'host' in target ? target.host : null;
  if (host === null) return;
  if (host === '0.0.0.0' || host === '::') {
    report(
      'address',
      `${quoted(address)} is no address that others can reach`,
      'leave "address" out and give "port": the host is found out',
    );
    return;
  }
  const allowed = subtree(tree, [...entry, 'allow_loopback']);
  if (!isLoopbackHost(host) || (allowed?.kind === 'scalar' && allowed.value === true)) return;
  if (registryHosts(tree, registry).every(isLoopbackHost)) return;
  report(
    'address',
    `${quoted(address)} is a loopback address, and the registry ${quoted(registry)} is on another machine: nobody else could reach it`,
    'give the address of this machine, leave "address" out and give "port", or set "allow_loopback: true"',
  );
}

/** The hosts that a registry's URLs name. */
function registryHosts(tree: Tree, registry: string): string[] {
  const path = ['registries', registry];
  const urls: (string | undefined)[] = [textAt(tree, [...path, 'address'])];
  for (let at = 0; at < lengthAt(tree, [...path, 'endpoints']); at++)
    urls.push(textAt(tree, [...path, 'endpoints', at]));
  return urls.flatMap((url) => (url !== undefined && URL.canParse(url) ? [new URL(url).hostname] : []));
}
