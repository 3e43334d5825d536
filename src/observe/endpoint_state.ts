import { ENDPOINT, ENDPOINT_STATES, type EndpointState, type Range } from '../model/counters.ts';
import type { CounterReader } from './metrics_view.ts';

/** What is told of an instance to the outside. */
export type InstanceState = Exclude<EndpointState, 'unknown'>;

/** The best first: an instance that is ready in one data thread serves requests, whatever the other threads see. */
export const INSTANCE_STATES: readonly InstanceState[] = [
  'ready',
  'connecting',
  'backoff',
  'unhealthy',
  'ejected',
  'draining',
];

/** The best state that any data thread sees. An instance that no thread has met yet is about to be connected to. */
export function instanceState(counters: CounterReader, range: Range): InstanceState {
  let best = INSTANCE_STATES.length;
  for (let thread = 0; thread < counters.threads; thread++) {
    const state = ENDPOINT_STATES[counters.read(thread, range, ENDPOINT.STATE)];
    if (state === undefined || state === 'unknown') continue;
    best = Math.min(best, INSTANCE_STATES.indexOf(state));
  }
  return INSTANCE_STATES[best] ?? 'connecting';
}
