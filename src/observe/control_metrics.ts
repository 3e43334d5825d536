import { TLS_FAILURES } from '../base/tls_failure.ts';
import { THREAD, THREAD_RANGE } from '../model/counters.ts';
import type { Collectors } from './metric_sink.ts';

/** Names and facts that are fixed for the life of the process. */
export interface ProcessFacts {
  /** The version of Outrigger. */
  readonly version: string;
  /** Names of the slots of `THREAD.PROTOCOL_ERRORS`, in their order. */
  readonly protocolErrorTokens: readonly string[];
}

/** The blocks of `THREAD.PROTOCOL_ERRORS`, in their order. */
const SIDES = ['downstream', 'upstream'] as const;

/** Metrics of the sidecar itself: its threads, its registries, its build. */
export function controlCollectors({ version, protocolErrorTokens }: ProcessFacts) {
  return {
    outrigger_downstream_connections(view, sink) {
      for (let thread = 0; thread < view.counters.threads; thread++) {
        sink.value({ thread: String(thread) }, view.counters.read(thread, THREAD_RANGE, THREAD.CONNECTIONS));
      }
    },

    outrigger_protocol_errors_total(view, sink) {
      for (const [index, side] of SIDES.entries()) {
        const first = THREAD.PROTOCOL_ERRORS + index * THREAD.PROTOCOL_ERROR_TOKENS;
        for (const [slot, token] of protocolErrorTokens.entries()) {
          sink.count({ side, token }, view.counters.sum(THREAD_RANGE, first + slot));
        }
      }
    },

    outrigger_tls_failures_total(view, sink) {
      for (const [index, side] of SIDES.entries()) {
        const first = THREAD.TLS_FAILURES + index * THREAD.TLS_FAILURE_REASONS;
        for (const [slot, reason] of TLS_FAILURES.entries()) {
          sink.count({ side, reason }, view.counters.sum(THREAD_RANGE, first + slot));
        }
      }
    },

    outrigger_tls_reloads_total(view, sink) {
      for (const { name: tls, reloads, failures } of view.certificates?.() ?? []) {
        sink.value({ tls, result: 'ok' }, reloads);
        sink.value({ tls, result: 'error' }, failures);
      }
    },

    outrigger_tls_certificate_expiry_timestamp_seconds(view, sink) {
      for (const { name: tls, expiresAt } of view.certificates?.() ?? []) {
        if (expiresAt !== null) sink.value({ tls }, expiresAt / 1000);
      }
    },

    outrigger_config_reloads_total(view, sink) {
      for (const [result, count] of Object.entries(view.reloads?.() ?? {})) sink.value({ result }, count);
    },

    // Told from the start: an increase is seen only by who saw the zero.
    outrigger_data_thread_restarts_total(view, sink) {
      for (const [thread, restarts] of view.restarts().entries()) sink.value({ thread: String(thread) }, restarts);
    },

    outrigger_registry_updates_total(view, sink) {
      for (const { name: registry, updates } of view.registries()) sink.count({ registry }, updates);
    },

    outrigger_registry_errors_total(view, sink) {
      for (const { name: registry, errors } of view.registries()) {
        for (const [reason, count] of Object.entries(errors)) sink.count({ registry, reason }, count);
      }
    },

    outrigger_registry_last_update_timestamp_seconds(view, sink) {
      for (const { name: registry, lastUpdateAt } of view.registries()) {
        if (lastUpdateAt > 0) sink.value({ registry }, lastUpdateAt / 1000);
      }
    },

    outrigger_service_stale(view, sink) {
      for (const { name: service, stale } of view.services()) {
        if (stale !== undefined) sink.value({ service }, stale ? 1 : 0);
      }
    },

    outrigger_registrations(view, sink) {
      const counts = new Map<string, { labels: { service: string; registry: string; state: string }; count: number }>();
      for (const { service, registry, state } of view.registrations?.() ?? []) {
        const key = JSON.stringify([service, registry, state]);
        const known = counts.get(key) ?? { labels: { service, registry, state }, count: 0 };
        known.count++;
        counts.set(key, known);
      }
      for (const { labels, count } of counts.values()) sink.value(labels, count);
    },

    outrigger_request_records_dropped_total(view, sink) {
      const dropped = view.observation?.().dropped ?? {};
      for (const [at, count] of Object.entries(dropped)) sink.value({ at }, count);
    },

    outrigger_spans_exported_total(view, sink) {
      sink.count({}, view.observation?.().spansExported ?? 0);
    },

    outrigger_build_info(_view, sink) {
      sink.value({ version, node: process.versions.node }, 1);
    },
  } satisfies Partial<Collectors>;
}
