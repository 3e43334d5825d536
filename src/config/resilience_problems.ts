import type { Step } from './problem.ts';
import { isGiven, type Report } from './report.ts';
import { formatDuration, parseDuration } from './scalars.ts';
import { keysAt, quoted, subtree, type Tree, textAt } from './tree.ts';

/** What contradicts itself in the keys of a service (or of `discover`) that say how it survives instances that fail. */
export function checkResilience(tree: Tree, service: readonly Step[], report: Report): void {
  const timeout = limitAt(tree, service, 'timeout');
  checkRetry(tree, [...service, 'retry'], timeout, report);
  const seen = new Map<string, string>();
  for (const name of keysAt(tree, [...service, 'methods'])) {
    const method = [...service, 'methods', name];
    // A timeout that only this method has may be shorter than what it takes over from the service.
    const own = subtree(tree, [...method, 'timeout']) === undefined ? timeout : limitAt(tree, method, 'timeout');
    checkRetry(tree, [...method, 'retry'], own, report);
    checkHedge(tree, [...method, 'hedge'], own, report);
    checkHedgeInTry(tree, service, method, report);
    checkName(seen, name, method, report);
  }
  checkOutlier(tree, [...service, 'outlier'], report);
  checkHealth(tree, service, report);
}

function checkHealth(tree: Tree, service: readonly Step[], report: Report): void {
  const key = [...service, 'health', 'tls'];
  const given = subtree(tree, key);
  if (given?.kind !== 'scalar' || given.value !== true) return;
  if (!isGiven(tree, [...service, 'tls'])) {
    report(key, 'there is no "tls" beside "health" that says how', 'give the service "tls", or leave this one out');
  } else if (isGiven(tree, [...service, 'health', 'tcp'])) {
    report(key, 'a check by tcp says nothing on the connection', 'check with grpc or http, or leave this one out');
  }
}

/** A duration of the config, and the key that it stands under. */
interface Limit {
  readonly key: string;
  readonly ms: number;
}

function limitAt(tree: Tree, path: readonly Step[], key: string): Limit | null {
  const ms = durationAt(tree, [...path, key]);
  return ms === null ? null : { key, ms };
}

/** In milliseconds; null where there is none, or something else. */
function durationAt(tree: Tree, path: readonly Step[]): number | null {
  const text = textAt(tree, path);
  const parsed = text === undefined ? null : parseDuration(text);
  return parsed?.ok ? parsed.value : null;
}

function checkRetry(tree: Tree, retry: readonly Step[], timeout: Limit | null, report: Report): void {
  const whole = limitAt(tree, retry, 'timeout');
  const perTry = durationAt(tree, [...retry, 'per_try_timeout']);
  const inWhole = whole === null ? null : { ...whole, key: 'retry.timeout' };
  const limit = [inWhole, timeout].find((one) => one !== null && perTry !== null && perTry > one.ms);
  if (perTry !== null && limit) {
    const message = `${formatDuration(perTry)} is above ${limitText(limit)}: no attempt could ever take that long`;
    report([...retry, 'per_try_timeout'], message, `give less than ${limit.key}`);
  }
  if (whole !== null && timeout !== null && whole.ms > timeout.ms) {
    const message = `${formatDuration(whole.ms)} is above ${limitText(timeout)}, which ends the request before`;
    report([...retry, 'timeout'], message, 'raise "timeout", or leave this one out');
  }
  checkOrder(tree, [...retry, 'backoff'], { key: 'base', ms: 25 }, { key: 'max', ms: 250 }, report);
  const base = durationAt(tree, [...retry, 'backoff', 'base']);
  const end = [inWhole, timeout].find((one) => one !== null && base !== null && base * LEAST_PAUSE >= one.ms);
  if (base === null || !end) return;
  const message = `the first pause, of ${formatDuration(base)}, would end when ${limitText(end)} is over: there would be no second attempt`;
  report([...retry, 'backoff', 'base'], message, `give less, or raise ${end.key}`);
}

/** Pauses are varied by chance, down to this share of what is configured (gRFC A6). */
const LEAST_PAUSE = 0.8;

function limitText({ key, ms }: Limit): string {
  return `${key} (${formatDuration(ms)})`;
}

/** One duration must not be above another; `ms` is what it is by default. */
function checkOrder(tree: Tree, path: readonly Step[], less: Limit, more: Limit, report: Report): void {
  const low = durationAt(tree, [...path, less.key]);
  const high = durationAt(tree, [...path, more.key]);
  if ((low ?? less.ms) <= (high ?? more.ms)) return;
  const shown = (limit: Limit, given: number | null) =>
    `${limit.key} (${formatDuration(given ?? limit.ms)}${given === null ? ', by default' : ''})`;
  // Whichever of the two was written down is the one to point at.
  const key = high === null ? less.key : more.key;
  report(
    [...path, key],
    `${shown(less, low)} is above ${shown(more, high)}`,
    `raise ${more.key}, or lower ${less.key}`,
  );
}

function checkHedge(tree: Tree, hedge: readonly Step[], timeout: Limit | null, report: Report): void {
  const delay = durationAt(tree, [...hedge, 'delay']);
  const found = subtree(tree, [...hedge, 'attempts']);
  const attempts = found?.kind === 'scalar' && typeof found.value === 'number' ? found.value : 2;
  const last = delay === null ? 0 : delay * (attempts - 1);
  if (timeout === null || last < timeout.ms) return;
  const which = attempts === 2 ? 'the second attempt' : `attempt ${attempts}`;
  const message = `${which} would begin after ${formatDuration(last)}, when ${limitText(timeout)} is over`;
  report([...hedge, 'delay'], message, 'give a shorter delay, or fewer attempts');
}

/** An attempt that is given up before a hedge would join it never has one. */
function checkHedgeInTry(tree: Tree, service: readonly Step[], method: readonly Step[], report: Report): void {
  const delay = durationAt(tree, [...method, 'hedge', 'delay']);
  const retry = subtree(tree, [...method, 'retry']) === undefined ? [...service, 'retry'] : [...method, 'retry'];
  const perTry = limitAt(tree, retry, 'per_try_timeout');
  if (delay === null || perTry === null || delay < perTry.ms) return;
  const message = `the second attempt would begin after ${formatDuration(delay)}, when ${limitText(perTry)} has ended the first`;
  report([...method, 'hedge', 'delay'], message, 'give a shorter delay, or a longer per_try_timeout');
}

/** Paths are compared letter by letter (RFC 9110 section 4.2.3): two that differ in case alone are one that was misspelt. */
function checkName(seen: Map<string, string>, name: string, method: readonly Step[], report: Report): void {
  const first = seen.get(name.toLowerCase());
  if (first === undefined) seen.set(name.toLowerCase(), name);
  else report(method, `differs from ${quoted(first)} in case alone`, 'keep the one that the service has', true);
}

/** What makes an outlier, each with whether it is looked at by default. */
const JUDGED = [
  ['consecutive_failures', true],
  ['success_rate', false],
  ['failure_percentage', false],
] as const;

function checkOutlier(tree: Tree, outlier: readonly Step[], report: Report): void {
  if (subtree(tree, outlier)?.kind !== 'map') return;
  checkOrder(tree, outlier, { key: 'base_ejection', ms: 30_000 }, { key: 'max_ejection', ms: 300_000 }, report);
  const isJudged = JUDGED.some(([key, byDefault]) => {
    return subtree(tree, [...outlier, key]) === undefined ? byDefault : isGiven(tree, [...outlier, key]);
  });
  if (isJudged) return;
  const message = 'looks at nothing: consecutive_failures, success_rate and failure_percentage are all null';
  report(outlier, message, 'write "outlier: off" if that is meant', true);
}
