import { CONNECT_RESULTS, CONNECTION_STATES, ENDPOINT, NO_RANGE, UPSTREAM_RESULTS } from '../model/counters.ts';
import type { Collectors } from './metric_sink.ts';
import type { InstanceMetrics, MetricsView } from './metrics_view.ts';

/** Metrics with series per instance: by far the most lines of a scrape. */
export const instanceCollectors = {
  outrigger_upstream_requests_total(view, sink) {
    for (const [service, { address: instance, counters: range }] of instancesOf(view)) {
      for (const [index, result] of UPSTREAM_RESULTS.entries()) {
        sink.count({ service, instance, result }, view.counters.sum(range, ENDPOINT.REQUESTS + index));
      }
    }
  },

  outrigger_upstream_request_duration_seconds(view, sink) {
    for (const [service, { address: instance, counters: range }] of instancesOf(view)) {
      sink.histogram({ service, instance }, (slot) => view.counters.sum(range, ENDPOINT.DURATION + slot));
    }
  },

  outrigger_upstream_connections(view, sink) {
    for (const [service, { address: instance, counters: range }] of instancesOf(view)) {
      for (const [index, state] of CONNECTION_STATES.entries()) {
        sink.value({ service, instance, state }, view.counters.sum(range, ENDPOINT.CONNECTIONS + index));
      }
    }
  },

  outrigger_upstream_connects_total(view, sink) {
    for (const [service, { address: instance, counters: range }] of instancesOf(view)) {
      for (const [index, result] of CONNECT_RESULTS.entries()) {
        sink.count({ service, instance, result }, view.counters.sum(range, ENDPOINT.CONNECTS + index));
      }
    }
  },
} satisfies Partial<Collectors>;

function* instancesOf(view: MetricsView): Generator<[service: string, instance: InstanceMetrics]> {
  for (const { name, instances } of view.services()) {
    // A spare one has nothing to count.
    for (const instance of instances) if (instance.counters.segment !== NO_RANGE.segment) yield [name, instance];
  }
}
