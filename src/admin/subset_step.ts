import { type Explanation, MOST_REMOVED, type Removed } from '../model/explain.ts';
import { instanceState } from '../observe/endpoint_state.ts';
import type { AdminView } from './admin_view.ts';

/**
 * A data thread is told only of the instances that it is to use. Those that `subset` leaves out are counted here, so that all are
 * registered, and a step of their own takes them out.
 */
export function withSubset(explanation: Explanation, view: AdminView): Explanation {
  const [registered, ...others] = explanation.steps;
  if (registered?.filter !== 'registered') return explanation;
  const spare = spareOf(explanation.service, view);
  if (spare.length === 0) return explanation;
  const all = { ...registered, kept: registered.kept + spare.length };
  const subset = {
    filter: 'subset',
    about: "this sidecar's part of each version",
    kept: registered.kept,
    removed: spare.length,
    examples: spare.slice(0, MOST_REMOVED),
  };
  return { ...explanation, steps: [all, subset, ...others] };
}

function spareOf(service: string | null, view: AdminView): Removed[] {
  const spare: Removed[] = [];
  for (const { name, instances } of view.services()) {
    if (name !== service) continue;
    for (const { address, version, counters } of instances) {
      if (instanceState(view.counters, counters) !== 'spare') continue;
      spare.push({ instance: address, version, why: "not in this sidecar's subset" });
    }
  }
  return spare;
}
