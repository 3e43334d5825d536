import type { Step } from './problem.ts';
import { isGiven, type Report } from './report.ts';
import { lengthAt, quoted, subtree, type Tree, textAt } from './tree.ts';

/** What does not go together in the `version` of a service (or of `discover`) and its `mirror`. */
export function checkVersion(tree: Tree, service: readonly Step[], report: Report): void {
  const version = [...service, 'version'];
  const byDefault = alternatives(textAt(tree, [...version, 'default']));
  for (const key of ['fallback', 'unhealthy_fallback']) checkFallback(tree, [...version, key], byDefault, report);
  checkWeights(tree, version, report);
  const mirror = [...service, 'mirror', 'version'];
  const copied = textAt(tree, mirror);
  if (copied !== undefined && byDefault.length === 1 && byDefault[0] === copied)
    report(
      mirror,
      `${quoted(copied)} gets the requests themselves (version.default)`,
      'copies are for another version',
    );
}

/** `v3, v2` as its parts. */
function alternatives(expression: string | undefined): string[] {
  if (expression === undefined) return [];
  return expression
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function checkFallback(tree: Tree, path: readonly Step[], byDefault: readonly string[], report: Report): void {
  const seen = new Set<string>();
  for (let at = 0; at < lengthAt(tree, path); at++) {
    const version = textAt(tree, [...path, at]);
    if (version === undefined) continue;
    if (version === 'none' || version === 'any') {
      const message = `"${version}" cannot stand in a list of versions`;
      report([...path, at], message, `write "${path.at(-1)}: ${version}", or versions only`);
    } else if (seen.has(version)) {
      report([...path, at], `names the version ${quoted(version)} a second time`, 'remove it');
    }
    seen.add(version);
  }
  if (seen.size === 0 || ![...seen].every((version) => byDefault.includes(version))) return;
  const message = `falls back to itself: ${[...seen].join(', ')} is what is wanted by default (version.default)`;
  report(path, message, 'name another version, or write "any" or "none"');
}

function checkWeights(tree: Tree, version: readonly Step[], report: Report): void {
  const path = [...version, 'weights'];
  if (!isGiven(tree, path)) {
    if (!isGiven(tree, [...version, 'sticky'])) return;
    const hint = 'say how versions share the requests, for example "weights: { v1: 90, v2: 10 }", or leave it out';
    report([...version, 'sticky'], 'has no effect without "weights"', hint, true);
    return;
  }
  if (isGiven(tree, [...version, 'default'])) {
    const message = 'does not go with "weights", which win: they share out the requests that name no version';
    report([...version, 'default'], message, 'leave one of the two out', true);
  }
  const weights = subtree(tree, path);
  if (weights?.kind !== 'map') return;
  const isZero = [...weights.entries.values()].every(({ tree: one }) => one.kind === 'scalar' && one.value === 0);
  if (isZero)
    report(path, 'gives no version a weight above 0', 'give one to some version, or leave the weights out', true);
}
