import { REASON_NAMES } from '../base/errors.ts';
import {
  CODE_CLASSES,
  GRPC_STATUSES,
  NO_GRPC_STATUS,
  RETRY_REASONS,
  SERVICE,
  THREAD,
  THREAD_RANGE,
  VERSION,
} from '../model/counters.ts';
import { EJECTION_REASONS } from '../model/resilience.ts';
import { INSTANCE_STATES, instanceState } from './endpoint_state.ts';
import type { Collectors } from './metric_sink.ts';

/** Metrics with one series, or a few, per service. */
export const serviceCollectors = {
  outrigger_requests_total(view, sink) {
    for (const { name: service, versions } of view.services()) {
      for (const [version, range] of Object.entries(versions)) {
        for (const [index, code_class] of CODE_CLASSES.entries()) {
          for (let status = 0; status < GRPC_STATUSES; status++) {
            const grpc_status = status === NO_GRPC_STATUS ? '' : String(status);
            const value = view.counters.sum(range, VERSION.REQUESTS + index * GRPC_STATUSES + status);
            sink.count({ service, version, code_class, grpc_status }, value);
          }
        }
      }
    }
  },

  outrigger_request_duration_seconds(view, sink) {
    for (const { name: service, counters: range } of view.services()) {
      sink.histogram(
        { service },
        (slot) => view.counters.sum(range, SERVICE.DURATION + slot),
        (bucket) => view.exemplars?.get(service, bucket) ?? null,
      );
    }
  },

  outrigger_overhead_seconds(view, sink) {
    for (const { name: service, counters: range } of view.services()) {
      sink.histogram({ service }, (slot) => view.counters.sum(range, SERVICE.OVERHEAD + slot));
    }
  },

  outrigger_in_flight_requests(view, sink) {
    for (const { name: service, counters: range } of view.services()) {
      sink.value({ service }, view.counters.sum(range, SERVICE.IN_FLIGHT));
    }
  },

  outrigger_pending_requests(view, sink) {
    for (const { name: service, counters: range } of view.services()) {
      sink.value({ service }, view.counters.sum(range, SERVICE.PENDING));
    }
  },

  outrigger_retries_total(view, sink) {
    for (const { name: service, counters: range } of view.services()) {
      for (const [index, reason] of RETRY_REASONS.entries()) {
        sink.count({ service, reason }, view.counters.sum(range, SERVICE.RETRIES + index));
      }
    }
  },

  outrigger_retries_denied_total(view, sink) {
    for (const { name: service, counters: range } of view.services()) {
      sink.count({ service }, view.counters.sum(range, SERVICE.RETRIES_DENIED));
    }
  },

  outrigger_policy_faults_total(view, sink) {
    for (const { name: service, counters: range } of view.services()) {
      sink.count({ service }, view.counters.sum(range, SERVICE.POLICY_FAULTS));
    }
  },

  outrigger_ejections_total(view, sink) {
    for (const { name: service, counters: range } of view.services()) {
      for (const [index, reason] of EJECTION_REASONS.entries()) {
        sink.count({ service, reason }, view.counters.sum(range, SERVICE.EJECTIONS + index));
      }
    }
  },

  outrigger_rejected_total(view, sink) {
    sink.count({ service: '', reason: 'no_route' }, view.counters.sum(THREAD_RANGE, THREAD.UNROUTED));
    for (const { name: service, counters: range } of view.services()) {
      for (const [index, reason] of REASON_NAMES.entries()) {
        sink.count({ service, reason }, view.counters.sum(range, SERVICE.REJECTED + index));
      }
    }
  },

  /** Each version has a series per state, so that `ready == 0` can be seen; a service without instances is one empty version. */
  outrigger_instances(view, sink) {
    for (const { name: service, instances } of view.services()) {
      const versions = new Map<string, Map<string, number>>();
      for (const instance of instances) {
        const version = instance.version ?? '';
        const states = versions.get(version) ?? new Map<string, number>();
        const state = instanceState(view.counters, instance.counters);
        states.set(state, (states.get(state) ?? 0) + 1);
        versions.set(version, states);
      }
      if (versions.size === 0) versions.set('', new Map());
      for (const [version, states] of versions) {
        for (const state of INSTANCE_STATES) sink.value({ service, version, state }, states.get(state) ?? 0);
      }
    }
  },
} satisfies Partial<Collectors>;
