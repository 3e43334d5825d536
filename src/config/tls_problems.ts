import { parseAddress } from '../model/instance.ts';
import { INBOUND } from '../model/tls.ts';
import { listenersClash, parseListenAddress } from './listen_address.ts';
import { keyPath, type Problem, type Step } from './problem.ts';
import { isGiven, type Report, reportInto } from './report.ts';
import { keysAt, lengthAt, subtree, type Tree, textAt } from './tree.ts';

/** What does not go together in a `tls`, and in `inbound`. Like `referenceProblems` it works on any tree. */
export function tlsProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const report = reportInto(problems, tree);
  for (const name of keysAt(tree, ['services'])) checkPair(tree, ['services', name, 'tls'], report);
  checkPair(tree, ['discover', 'tls'], report);
  for (let at = 0; at < lengthAt(tree, ['listen']); at++) {
    const tls = ['listen', at, 'tls'];
    if (isGiven(tree, [...tls, 'verify'])) needsCa(tree, tls, [...tls, 'verify'], report);
  }
  checkInbound(tree, report);
  return problems;
}

function checkPair(tree: Tree, tls: readonly Step[], report: Report): void {
  for (const [given, missing] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (isGiven(tree, [...tls, given]) && !isGiven(tree, [...tls, missing]))
      report([...tls, missing], `is missing; ${given} needs it`);
  }
}

function needsCa(tree: Tree, tls: readonly Step[], user: readonly Step[], report: Report): void {
  if (isGiven(tree, [...tls, 'ca'])) return;
  const hint = `give ${keyPath([...tls, 'ca'])}: without it clients show no certificate that could be looked at`;
  report(user, `needs ${keyPath([...tls, 'ca'])}`, hint, true);
}

function checkInbound(tree: Tree, report: Report): void {
  const inbound = ['inbound'];
  if (subtree(tree, inbound)?.kind !== 'map') return;
  if (isGiven(tree, ['inbound', 'allow'])) needsCa(tree, ['inbound', 'tls'], ['inbound', 'allow'], report);
  if (keysAt(tree, ['services']).includes(INBOUND)) {
    const message = 'is the name under which "inbound" counts and shows its requests';
    report(['services', INBOUND], message, 'give the service another name', true);
  }
  const forward = textAt(tree, ['inbound', 'forward']);
  const target = forward === undefined ? null : parseAddress(forward);
  const listen = parseListenAddress(textAt(tree, ['inbound', 'listen']) ?? '0.0.0.0:15006');
  if (target !== null && listen !== null && listenersClash(listen, target))
    report(['inbound', 'forward'], 'is where "inbound" itself listens', 'give the address of the app');
}
