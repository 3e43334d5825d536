interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

/**
 * Every metric there is: name, type, labels, help text, in the order in which they are printed. No label holds what a client may
 * choose (paths, header values). `code_class` is `2xx` and the like; `grpc_status` is the number, empty for answers without one.
 */
export const METRICS = {
  outrigger_requests_total: {
    type: 'counter',
    labels: ['service', 'version', 'code_class', 'grpc_status'],
    help: 'Requests answered, by the version that served them (empty: an instance without a version, or no instance at all).',
  },
  outrigger_request_duration_seconds: {
    type: 'histogram',
    labels: ['service'],
    help: 'Time from the arrival of a request to the end of its answer.',
  },
  outrigger_overhead_seconds: {
    type: 'histogram',
    labels: ['service'],
    help: 'Time that a request spent inside the sidecar.',
  },
  outrigger_in_flight_requests: {
    type: 'gauge',
    labels: ['service'],
    help: 'Requests being served now, the waiting ones included.',
  },
  outrigger_pending_requests: {
    type: 'gauge',
    labels: ['service'],
    help: 'Requests that wait for an instance, a connection or a free stream.',
  },
  outrigger_retries_total: {
    type: 'counter',
    labels: ['service', 'reason'],
    help: 'Attempts after the first, by what ended the attempt before.',
  },
  outrigger_retries_denied_total: {
    type: 'counter',
    labels: ['service'],
    help: 'Attempts that the retry policy asked for and the retry budget did not allow.',
  },
  outrigger_policy_faults_total: {
    type: 'counter',
    labels: ['service'],
    help: 'Picks that round robin made since a policy of your own failed, and times that it could not be loaded, in each data thread.',
  },
  outrigger_ejections_total: {
    type: 'counter',
    labels: ['service', 'reason'],
    help: 'Instances left out for a while since their answers kept failing, counted in each data thread.',
  },
  outrigger_rejected_total: {
    type: 'counter',
    labels: ['service', 'reason'],
    help: 'Requests that the sidecar answered itself with an error.',
  },
  outrigger_instances: {
    type: 'gauge',
    labels: ['service', 'version', 'state'],
    help: 'Instances by version and by the best state that any data thread sees.',
  },
  outrigger_upstream_requests_total: {
    type: 'counter',
    labels: ['service', 'instance', 'result'],
    help: 'Requests sent to an instance, retries included, by how they ended.',
  },
  outrigger_upstream_request_duration_seconds: {
    type: 'histogram',
    labels: ['service', 'instance'],
    help: 'Time from sending a request to an instance to the end of its answer.',
  },
  outrigger_upstream_connections: {
    type: 'gauge',
    labels: ['service', 'instance', 'state'],
    help: 'Connections to an instance.',
  },
  outrigger_upstream_connects_total: {
    type: 'counter',
    labels: ['service', 'instance', 'result'],
    help: 'Connection attempts to an instance, by how they ended.',
  },
  outrigger_downstream_connections: {
    type: 'gauge',
    labels: ['thread'],
    help: 'Connections of clients, by the data thread that serves them.',
  },
  outrigger_protocol_errors_total: {
    type: 'counter',
    labels: ['side', 'token'],
    help: 'Octets rejected as a violation of HTTP/2, by the place that rejects them.',
  },
  outrigger_tls_failures_total: {
    type: 'counter',
    labels: ['side', 'reason'],
    help: 'TLS connections that did not come about, of clients (downstream) and to instances (upstream).',
  },
  outrigger_tls_reloads_total: {
    type: 'counter',
    labels: ['tls', 'result'],
    help: 'Changes of certificate files, by the key of the config that they belong to; error: the old ones stay in use.',
  },
  outrigger_tls_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    labels: ['tls'],
    help: 'When the certificate in use expires, in seconds since the epoch.',
  },
  outrigger_config_reloads_total: {
    type: 'counter',
    labels: ['result'],
    help: 'Times the config was read again: applied, unchanged or rejected.',
  },
  outrigger_data_thread_restarts_total: {
    type: 'counter',
    labels: ['thread'],
    help: 'Data threads that died and were started again.',
  },
  outrigger_registry_updates_total: {
    type: 'counter',
    labels: ['registry'],
    help: 'Sets of instances received from a registry.',
  },
  outrigger_registry_errors_total: {
    type: 'counter',
    labels: ['registry', 'reason'],
    help: 'Failures to get an answer from a registry.',
  },
  outrigger_registry_last_update_timestamp_seconds: {
    type: 'gauge',
    labels: ['registry'],
    help: 'When a registry last answered, in seconds since the epoch.',
  },
  outrigger_service_stale: {
    type: 'gauge',
    labels: ['service'],
    help: '1 while the registry cannot confirm the instances in use, else 0.',
  },
  outrigger_registrations: {
    type: 'gauge',
    labels: ['service', 'registry', 'state'],
    help: 'Entries of register by where they stand; registered is the state to be in.',
  },
  outrigger_request_records_dropped_total: {
    type: 'counter',
    labels: ['at'],
    help: 'Records of single requests (access log, tap, spans) that were lost since their reader did not keep up, by where.',
  },
  outrigger_spans_exported_total: {
    type: 'counter',
    labels: [],
    help: 'Spans that a collector took.',
  },
  outrigger_build_info: {
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1; the labels tell what is running.',
  },
  process_cpu_seconds_total: { type: 'counter', labels: [], help: 'CPU time of the process, user and system.' },
  process_resident_memory_bytes: { type: 'gauge', labels: [], help: 'Resident memory of the process.' },
  process_start_time_seconds: {
    type: 'gauge',
    labels: [],
    help: 'When the process started, in seconds since the epoch.',
  },
  process_open_fds: { type: 'gauge', labels: [], help: 'Open file descriptors.' },
  process_max_fds: { type: 'gauge', labels: [], help: 'How many file descriptors may be open.' },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

/** The labels of a metric: all of them, always. */
export type Labels<N extends MetricName> = Readonly<Record<(typeof METRICS)[N]['labels'][number], string>>;
