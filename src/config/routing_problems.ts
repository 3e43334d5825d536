import { BALANCE_POLICIES } from '../model/balancing.ts';
import type { Step } from './problem.ts';
import { isGiven, type Report } from './report.ts';
import { didYouMean } from './suggest.ts';
import { keysAt, lengthAt, quoted, subtree, type Tree, textAt } from './tree.ts';

/** What does not go together in `match` and `match_order` of a service (or of `discover`). */
export function checkMatches(tree: Tree, service: readonly Step[], report: Report): void {
  const labels = new Map<string, number>();
  const headers = new Map<string, number>();
  const versionHeader = (textAt(tree, [...service, 'version', 'header']) ?? 'x-version').toLowerCase();
  const match: Step[] = [...service, 'match'];
  const rules = subtree(tree, match)?.kind === 'map' ? [match] : [];
  for (let at = 0; at < lengthAt(tree, match); at++) rules.push([...match, at]);
  for (const [at, rule] of rules.entries()) {
    const header = textAt(tree, [...rule, 'header'])?.toLowerCase();
    if (header === versionHeader) {
      const hint = 'versions need no rule; take another header here, or for "version"';
      report([...rule, 'header'], `${quoted(header)} already names the version (version.header)`, hint);
    }
    checkTwice(headers, header, at, [...rule, 'header'], report);
    checkTwice(labels, textAt(tree, [...rule, 'label']), at, [...rule, 'label'], report);
  }
  checkMatchOrder(tree, service, [...labels.keys()], report);
}

/** Two rules for one header, or for one label, would have to agree. */
function checkTwice(
  seen: Map<string, number>,
  value: string | undefined,
  at: number,
  path: readonly Step[],
  report: Report,
): void {
  if (value === undefined || value === '') return;
  const first = seen.get(value);
  if (first === undefined) seen.set(value, at);
  else report(path, `${quoted(value)} has a rule already: match[${first}]`, 'remove one of the two');
}

function checkMatchOrder(tree: Tree, service: readonly Step[], labels: readonly string[], report: Report): void {
  const earlier = new Map<string, number>();
  for (let at = 0; at < lengthAt(tree, [...service, 'match_order']); at++) {
    const entry = [...service, 'match_order', at];
    const seen = new Set<string>();
    for (let place = 0; place < lengthAt(tree, entry); place++) {
      const label = textAt(tree, [...entry, place]);
      if (label === undefined || label === '') continue;
      if (!labels.includes(label)) {
        const list = labels.length === 0 ? 'list it under "match"' : `there are: ${labels.join(', ')}`;
        report(
          [...entry, place],
          `no rule of "match" has the label ${quoted(label)}`,
          didYouMean(label, labels) ?? list,
        );
      } else if (seen.has(label)) {
        report([...entry, place], `names the label ${quoted(label)} a second time`, 'remove it');
      }
      seen.add(label);
    }
    const same = [...seen].sort().join('\n');
    const first = earlier.get(same);
    if (first === undefined) earlier.set(same, at);
    else report(entry, `insists on the same labels as match_order[${first}]`, 'remove one of the two');
  }
}

const HASHING: readonly string[] = ['ring_hash', 'maglev'];

/** Finds a `hash_on` that no policy of the service goes by. */
export function checkSpreading(tree: Tree, service: readonly Step[], report: Report): void {
  const path = [...service, 'hash_on'];
  if (!isGiven(tree, path)) return;
  const policies = [
    textAt(tree, [...service, 'balance']) ?? 'round_robin',
    ...keysAt(tree, [...service, 'methods']).map((method) => textAt(tree, [...service, 'methods', method, 'balance'])),
  ].filter((policy) => policy !== undefined);
  // What is in nobody's list is wrong, or a policy of the user's own: it may go by the hash.
  const known: readonly string[] = BALANCE_POLICIES;
  if (policies.some((policy) => HASHING.includes(policy) || !known.includes(policy))) return;
  const hint = `set "balance: ${HASHING.join('" or "balance: ')}", or leave "hash_on" out`;
  report(path, `has no effect: ${policies.join(' and ')} does not hash`, hint, true);
}
