import { ENDPOINT, ENDPOINT_STATES, type EndpointState, NO_RANGE, type Range } from '../model/counters.ts';
import type { CounterReader } from './metrics_view.ts';

/** What is told of an instance to the outside. `spare`: its service has a `subset` that it is not in, so nothing connects to it. */
export type InstanceState = Exclude<EndpointState, 'unknown'> | 'spare';

/** The best first: an instance that is ready in one data thread serves requests, whatever the other threads see. */
export const INSTANCE_STATES: readonly InstanceState[] = [
  'ready',
  'connecting',
  'backoff',
  'unhealthy',
  'ejected',
  'draining',
  'spare',
];

/** The best state that any data thread sees. An instance that no thread has met yet is about to be connected to. */
export function instanceState(counters: CounterReader, range: Range): InstanceState {
  if (range.segment === NO_RANGE.segment) return 'spare';
  let best = INSTANCE_STATES.length;
  for (let thread = 0; thread < counters.threads; thread++) {
    const state = ENDPOINT_STATES[counters.read(thread, range, ENDPOINT.STATE)];
    if (state === undefined || state === 'unknown') continue;
    best = Math.min(best, INSTANCE_STATES.indexOf(state));
  }
  return INSTANCE_STATES[best] ?? 'connecting';
}
