import test from 'ava';
import type { AdminView, ServiceView } from '../../src/admin/admin_view.ts';
import { describeServices } from '../../src/admin/services_json.ts';
import { CounterArena } from '../../src/control/counters.ts';
import { ENDPOINT, ENDPOINT_STATES, type Range, UPSTREAM_RESULTS } from '../../src/model/counters.ts';

function viewOf(counters: CounterArena, range: Range, overrides: Partial<ServiceView> = {}): AdminView {
  const instance = {
    id: 'a',
    address: '10.0.0.1:1',
    version: null,
    weight: 3,
    zone: 'z',
    metadata: {},
    counters: range,
  };
  const service: ServiceView = {
    name: 'book',
    registry: 'main',
    path: '/p/',
    format: 'plain',
    balance: 'random',
    updatedAt: 0,
    stale: true,
    instances: [instance],
    ...overrides,
  };
  const explain = () => Promise.reject(new Error('nobody asks'));
  const tap = () => null;
  return { counters, services: () => [service], now: () => 10_000, explain, tap, config: () => null };
}

test('counts are added up over the data threads, and the best state is told', (t) => {
  const counters = new CounterArena(2);
  const range = counters.allocate(ENDPOINT.SLOTS);
  for (const thread of [0, 1]) {
    const view = new Float64Array(counters.segments(thread)[range.segment] as SharedArrayBuffer);
    view[range.offset + ENDPOINT.STATE] = ENDPOINT_STATES.indexOf(thread === 0 ? 'ready' : 'ejected');
    view[range.offset + ENDPOINT.IN_FLIGHT] = 2;
    for (const index of UPSTREAM_RESULTS.keys()) view[range.offset + ENDPOINT.REQUESTS + index] = 10 ** index;
  }
  const [service] = describeServices(viewOf(counters, range));
  t.deepEqual(service?.instances, [
    {
      id: 'a',
      address: '10.0.0.1:1',
      version: null,
      weight: 3,
      zone: 'z',
      state: 'ready',
      reason: null,
      in_flight: 4,
      requests: 2 * 111_111,
      // ok and canceled are no failures.
      failures: 2 * 101_110,
    },
  ]);
});

test('the age of the set is null before the first answer and never negative', (t) => {
  const counters = new CounterArena(1);
  const range = counters.allocate(ENDPOINT.SLOTS);
  const age = (updatedAt: number) => describeServices(viewOf(counters, range, { updatedAt }))[0]?.updated_ms_ago;
  t.is(age(0), null);
  t.is(age(9_000), 1_000);
  t.is(age(10_500), 0);
});
