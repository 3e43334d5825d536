import type { Kind, Sample } from './load.ts';
import { byStatus, failures, mostAtOnce, type Observed, underWay } from './observed.ts';

/** What a busy machine may need to notice what is told at once, in milliseconds. */
const AT_ONCE = 150;
/** Which calls go to which service. */
const KINDS_OF: Readonly<Record<string, readonly Kind[]>> = { echo: ['unary', 'stream'], 'echo-retried': ['retried'] };

/** No call fails, of these kinds or of any. */
export function noneFails(observed: Observed, ...kinds: readonly Kind[]): string[] {
  const failed = failures(observed, ...kinds);
  if (failed.length === 0) return [];
  return [
    `${failed.length} ${kinds.join(' and ') || 'calls'} failed: ${JSON.stringify(byStatus(failed))} ${first(failed)}`,
  ];
}

/** Calls under way when it happened may fail, with status 14; no others do, and none that may be sent again. */
export function onlyThoseUnderWayFail(observed: Observed): string[] {
  const broken = noneFails(observed, 'retried');
  const failed = failures(observed, 'unary', 'stream');
  const wrong = failed.filter(({ code }) => code !== 14);
  if (wrong.length > 0)
    broken.push(`failed with another status than 14: ${JSON.stringify(byStatus(wrong))} ${first(wrong)}`);
  const later = failed.filter(({ startedAt }) => startedAt > observed.injectedAt + AT_ONCE);
  if (later.length > 0) broken.push(`${later.length} calls failed that had begun afterwards: ${first(later)}`);
  const elsewhere = failed.filter(({ instance }) => instance !== null && !observed.hit.includes(instance));
  if (elsewhere.length > 0) broken.push(`${elsewhere.length} calls failed that others answered: ${first(elsewhere)}`);
  const most = underWay(observed, 'unary', 'stream').length + Math.ceil((AT_ONCE / 1_000) * 33);
  if (failed.length > most) broken.push(`${failed.length} calls failed, when ${most} were under way`);
  return broken;
}

/** The sidecar stops to use whom the fault hit within so many milliseconds. */
export function detectedWithin({ detectedAfter }: Observed, ms: number): string[] {
  if (detectedAfter === null) return ['what it hit was used all the time'];
  return detectedAfter <= ms ? [] : [`what it hit was used for ${Math.round(detectedAfter)} ms, ${ms} may pass`];
}

/** Calls fail by their deadlines for so long, in milliseconds; afterwards only those that probe an instance do, and none that may be sent again. */
export function othersServeAfter(observed: Observed, ms: number, probes: number): string[] {
  const broken = noneFails(observed, 'retried');
  const failed = failures(observed, 'unary', 'stream');
  const wrong = failed.filter(({ code }) => code !== 4 && code !== 14);
  if (wrong.length > 0) broken.push(`failed with another status than 4 and 14: ${first(wrong)}`);
  const later = failed.filter(({ startedAt }) => startedAt > observed.injectedAt + ms);
  if (later.length > probes) broken.push(`${later.length} calls failed that had begun ${ms} ms later: ${first(later)}`);
  return broken;
}

/** No call that may be sent again fails once the sidecar has stopped to use whom the fault hit. */
export function noRetriedFailsLater(observed: Observed): string[] {
  const from = observed.injectedAt + (observed.detectedAfter ?? 0);
  const failed = failures(observed, 'retried').filter(({ startedAt }) => startedAt > from);
  return failed.length === 0 ? [] : [`${failed.length} calls with a retry policy failed: ${first(failed)}`];
}

/** Of each service, no more calls reach an instance that always fails than it takes to leave it out, and one for each time that it is out. */
export function seenByFew(
  observed: Observed,
  { threshold, ejection }: { threshold: number; ejection: number },
): string[] {
  const probes = Math.floor((observed.healedAt - observed.injectedAt) / ejection);
  return Object.entries(observed.seen ?? { nobody: Infinity }).flatMap(([service, seen]) => {
    // Those that were on their way when it was left out: its share, one of five.
    const most = threshold + probes + Math.ceil(mostAtOnce(observed, KINDS_OF[service] ?? []) / 5);
    return seen <= most ? [] : [`${seen} calls of ${service} reached it, ${most} may`];
  });
}

/** Retries never become the load: at most a fifth more, while everything fails, too. */
export function noRetryStorm({ retriedCalls, retriedAttempts }: Observed): string[] {
  const most = 1.2 * retriedCalls;
  return retriedAttempts <= most ? [] : [`${retriedAttempts} attempts for ${retriedCalls} calls`];
}

/** What holds after every fault: all is as it was. */
export function allIsAsBefore(observed: Observed, rssBefore: number): string[] {
  const broken: string[] = [];
  const { endedAt, samples, inFlight, pending, rss, recoveredAfter } = observed;
  if (recoveredAfter === null) broken.push('the instances were not used again');
  const last = samples.filter(({ startedAt, code }) => startedAt > endedAt - 1_000 && code !== 0);
  if (last.length > 0) broken.push(`${last.length} calls failed in the last second: ${first(last)}`);
  if (inFlight !== 0 || pending !== 0) broken.push(`left behind: ${inFlight} requests in flight, ${pending} waiting`);
  const grown = (rss - rssBefore) / 2 ** 20;
  if (grown > 60) broken.push(`memory grew by ${grown.toFixed(0)} MiB`);
  return broken;
}

function first([sample]: readonly Sample[]): string {
  return sample === undefined ? '' : `(${sample.kind} ${sample.code}: ${sample.details})`;
}
