import { setTimeout } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import type { Fault } from './fault.ts';
import { Load } from './load.ts';
import type { Observed } from './observed.ts';
import { allIsAsBefore } from './promises.ts';
import type { Stage } from './stage.ts';

/** Calls before a fault, for comparison, and after it, in milliseconds. */
const BEFORE = 2_500;
const AFTER = 1_500;
/** How long instances may take to be used again: longer than they are left out. */
const RECOVERY = 30_000;
const LOOK_EVERY = 100;

/** One fault, what was seen of it, and the promises that were not kept. */
export interface Played {
  readonly fault: Fault;
  readonly observed: Observed;
  readonly broken: readonly string[];
}

/** @param rssBefore resident memory of the first sidecar before any fault, in octets */
export async function play(stage: Stage, fault: Fault, random: () => number, rssBefore: number): Promise<Played> {
  const load = new Load(stage.address, fault.ordinary ?? false);
  load.start();
  // The first calls of a client open its connections.
  await setTimeout(1_000);
  const begunAt = performance.now();
  await setTimeout(BEFORE);
  const before = await counts(stage);
  const injectedAt = performance.now();
  const { hit, heal, seen } = await fault.inject(stage, random);
  const begun = await counts(stage);
  const watch = watchOut(stage, hit, injectedAt);
  await setTimeout(fault.lasts);
  const detectedAfter = await watch.stop();
  const seenThen = (await seen?.()) ?? null;
  const ended = await counts(stage);
  await heal();
  const healedAt = performance.now();
  const recoveredAfter = await recovery(stage, load, hit, healedAt);
  await setTimeout(AFTER);
  const endedAt = performance.now();
  await load.stop();
  const gauges = await eventually(async () => {
    const [inFlight, pending] = [
      await stage.metric('outrigger_in_flight_requests'),
      await stage.metric('outrigger_pending_requests'),
    ];
    return inFlight === 0 && pending === 0 && { inFlight, pending };
  }).catch(async () => ({
    inFlight: await stage.metric('outrigger_in_flight_requests'),
    pending: await stage.metric('outrigger_pending_requests'),
  }));
  const after = await counts(stage);
  // Another sidecar has counters of its own, from nothing.
  const since = (now: number, then: number): number => (now >= then ? now - then : now);
  const observed: Observed = {
    samples: load.samples.filter(({ startedAt }) => startedAt >= begunAt),
    hit,
    begunAt,
    injectedAt,
    healedAt,
    endedAt,
    detectedAfter,
    recoveredAfter,
    retries: since(after.retries, before.retries),
    seen: seenThen,
    retriedCalls: since(ended.calls, begun.calls),
    retriedAttempts: since(ended.attempts, begun.attempts),
    rss: stage.sidecar.rss(),
    ...gauges,
  };
  return { fault, observed, broken: [...fault.broken(observed), ...allIsAsBefore(observed, rssBefore)] };
}

async function counts(stage: Stage): Promise<{ retries: number; calls: number; attempts: number }> {
  const service = 'echo-retried';
  return {
    retries: await stage.metric('outrigger_retries_total'),
    calls: await stage.metric('outrigger_requests_total', { service }),
    attempts: await stage.metric('outrigger_upstream_requests_total', { service }),
  };
}

/** Looks until the sidecar uses none of `hit` any more, in neither service; `stop` gives how long that took, null if it never was. */
function watchOut(stage: Stage, hit: readonly string[], from: number): { stop(): Promise<number | null> } {
  let going = hit.length > 0;
  let detected: number | null = null;
  const looking = (async () => {
    while (going && detected === null) {
      const states = (await Promise.all(hit.map((name) => stage.states(name)))).flat();
      if (states.every((state) => state !== 'ready')) detected = performance.now() - from;
      else await setTimeout(LOOK_EVERY);
    }
  })();
  return {
    async stop() {
      going = false;
      await looking;
      return detected;
    },
  };
}

/** Until all instances are ready, and each of `hit` has answered a call that began after it was healed; null: in vain. */
async function recovery(stage: Stage, load: Load, hit: readonly string[], healedAt: number): Promise<number | null> {
  const answers = (name: string): boolean =>
    load.samples.some(({ instance, startedAt, code }) => instance === name && startedAt >= healedAt && code === 0);
  try {
    await eventually(() => hit.every(answers), RECOVERY);
    await stage.untilAllReady();
  } catch {
    return null;
  }
  return performance.now() - healedAt;
}
