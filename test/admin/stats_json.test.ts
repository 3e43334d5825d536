import test from 'ava';
import type { AdminView } from '../../src/admin/admin_view.ts';
import { describeStats } from '../../src/admin/stats_json.ts';
import {
  ENDPOINT,
  ENDPOINT_STATES,
  GRPC_STATUSES,
  LATENCY_BOUNDS,
  NO_GRPC_STATUS,
  observe,
  type Range,
  SERVICE,
  UPSTREAM_RESULTS,
  VERSION,
} from '../../src/model/counters.ts';
import { World } from '../observe/world.ts';

test('counts of a service and of its instances are told over all data threads', (t) => {
  const world = new World(2);
  const book = world.addService('book', ['', 'v1']);
  const instance = world.addInstance(book, '10.0.0.1:1', 'v1');
  const v1 = book.versions.v1 as Range;
  world.set(0, v1, VERSION.REQUESTS + 1 * GRPC_STATUSES + 0, 10);
  world.set(1, v1, VERSION.REQUESTS + 1 * GRPC_STATUSES + 14, 2);
  world.set(1, v1, VERSION.REQUESTS + 1 * GRPC_STATUSES + 5, 3);
  world.set(0, book.versions[''] as Range, VERSION.REQUESTS + 4 * GRPC_STATUSES + NO_GRPC_STATUS, 1);
  world.set(0, book.counters, SERVICE.IN_FLIGHT, 4);
  world.set(1, book.counters, SERVICE.PENDING, 5);
  for (const thread of [0, 1]) {
    const { view, base } = world.block(thread, book.counters);
    observe(view, base + SERVICE.DURATION, 0.0002);
    const endpoint = world.block(thread, instance.counters);
    observe(endpoint.view, endpoint.base + ENDPOINT.DURATION, 20);
  }
  world.set(0, instance.counters, ENDPOINT.STATE, ENDPOINT_STATES.indexOf('ready'));
  world.set(0, instance.counters, ENDPOINT.REQUESTS + UPSTREAM_RESULTS.indexOf('ok'), 7);
  world.set(1, instance.counters, ENDPOINT.REQUESTS + UPSTREAM_RESULTS.indexOf('reset'), 2);
  world.set(1, instance.counters, ENDPOINT.REQUESTS + UPSTREAM_RESULTS.indexOf('canceled'), 1);
  const view = {
    counters: world.counters,
    now: () => 5,
    services: () => [{ name: 'book', instances: book.instances, totals: book }],
  } as unknown as AdminView;
  const { now, bounds, services } = describeStats(view);
  t.is(now, 5);
  t.deepEqual(bounds, LATENCY_BOUNDS);
  const [service] = services;
  t.like(service, { name: 'book', requests: 16, errors: 3, in_flight: 4, pending: 5 });
  t.is(service?.durations.length, LATENCY_BOUNDS.length + 1);
  t.is(service?.durations[1], 2);
  t.like(service?.instances[0], { address: '10.0.0.1:1', version: 'v1', state: 'ready', requests: 10, errors: 2 });
  t.is(service?.instances[0]?.durations.at(-1), 2);
});
