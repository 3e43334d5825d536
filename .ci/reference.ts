import { startAdminServer } from '../src/admin/admin_server.ts';
import { startTelemetryServer } from '../src/admin/telemetry_server.ts';
import { REASONS, type Reason } from '../src/base/errors.ts';
import { silentLog as log } from '../src/base/log.ts';
import { COMMANDS } from '../src/cli/flags.ts';
import { COMMAND_HELP, helpText } from '../src/cli/help.ts';
import {
  CODE_CLASSES,
  CONNECT_RESULTS,
  CONNECTION_STATES,
  LATENCY_BOUNDS,
  RETRY_REASONS,
  UPSTREAM_RESULTS,
} from '../src/model/counters.ts';
import { EJECTION_REASONS } from '../src/model/resilience.ts';
import { INSTANCE_STATES } from '../src/observe/endpoint_state.ts';
import { METRICS } from '../src/observe/metric_table.ts';

const made = (from: string): string => `<!-- Made by "npm run docs" from ${from}. -->`;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const list = (values: readonly string[]): string => values.map((value) => `\`${value}\``).join(', ');

/** `docs/reference/metrics.md`. */
function metricsMarkdown(): string {
  const rows = Object.entries(METRICS).map(
    ([name, { type, labels, help }]) => `| \`${name}\` | ${type} | ${list(labels)} | ${cell(help)} |`,
  );
  return `# Metrics

${made('src/observe/metric_table.ts')}

\`GET /metrics\` on the telemetry port (\`0.0.0.0:15020\`), in Prometheus' text format, or as OpenMetrics for scrapers that ask for it. No label holds what a client
may choose. What never happened has no series; series of an instance that left disappear. With Prometheus' defaults the label \`instance\` of an instance
becomes \`exported_instance\`, since \`instance\` is the sidecar there.

| metric | type | labels | what |
| ------ | ---- | ------ | ---- |
${rows.join('\n')}

Histograms have these upper bounds, in seconds: ${LATENCY_BOUNDS.join(', ')}.

| label | of | values |
| ----- | -- | ------ |
| \`code_class\` | requests | ${list(CODE_CLASSES)} |
| \`grpc_status\` | requests | \`0\` to \`16\`; empty for answers without one |
| \`reason\` | rejected | ${list(Object.keys(REASONS))}: [errors.md](errors.md) |
| \`reason\` | retries | ${list(RETRY_REASONS)} |
| \`reason\` | ejections | ${list(EJECTION_REASONS)} |
| \`state\` | instances | ${list(INSTANCE_STATES)} |
| \`state\` | upstream connections | ${list(CONNECTION_STATES)} |
| \`result\` | upstream requests | ${list(UPSTREAM_RESULTS)} |
| \`result\` | upstream connects | ${list(CONNECT_RESULTS)} |

Alerts for them: [deploy/prometheus/rules.yaml](../../deploy/prometheus/rules.yaml); a dashboard: [deploy/grafana/outrigger.json](../../deploy/grafana/outrigger.json).
`;
}

/** What happened, and what to do about it. */
const ADVICE: Readonly<Record<Reason, readonly [what: string, todo: string]>> = {
  no_route: ['Nothing says which service was meant.', 'Name one: as authority, by a route, or with `default_service`.'],
  no_instance: [
    'The registry knows no instance of the service.',
    '`outrigger services --registry` lists what the registry holds; look at the name and the `path`.',
  ],
  no_version: [
    'No instance has the version asked for; the message counts those there are.',
    'Deploy that version, or allow another with `version.fallback`.',
  ],
  no_healthy: [
    'There are instances, and none can take a request; the message says why each is out.',
    '`outrigger services NAME`: the state and the last error of each.',
  ],
  connect_failed: [
    'No connection to any instance could be made.',
    'Address, port, firewall, TLS: `outrigger check --dial` tries each and says how it went.',
  ],
  upstream_closed: [
    'The instance closed the connection before it had answered.',
    'Look whether it crashed, or ended without draining; a `retry` covers calls that may be repeated.',
  ],
  upstream_reset: [
    "The instance reset the stream; the gRPC status follows the reset's code.",
    'The log of the instance says why.',
  ],
  overloaded: [
    "One of the service's `limits` is reached; the message says which, and its value.",
    'More instances, or a higher limit if they bear it.',
  ],
  deadline: [
    "The client's deadline, or the service's `timeout`, has passed; the message says whose.",
    'Compare p99 with the deadline: `outrigger_request_duration_seconds`.',
  ],
  shutting_down: [
    'The sidecar is told to stop.',
    'Give the app less time to end than the sidecar (`terminationGracePeriodSeconds`, native sidecars).',
  ],
  not_allowed: [
    "The caller's certificate has no name that `inbound.allow` names.",
    'Add the name; the message says what the certificate has.',
  ],
  protocol_mismatch: [
    'gRPC for a service of HTTP/1.1, or a WebSocket for one of HTTP/2.',
    "Set the service's `protocol`.",
  ],
};

/** `docs/reference/errors.md`. */
function errorsMarkdown(): string {
  const rows = Object.entries(REASONS).map(([reason, { grpc, http }]) => {
    const [what, todo] = ADVICE[reason as Reason];
    return `| \`${reason}\` | ${grpc} | ${http} | ${cell(what)} | ${cell(todo)} |`;
  });
  return `# Errors made by the sidecar

${made('src/base/errors.ts')}

A gRPC request gets HTTP 200 with \`grpc-status\` and \`grpc-message\`, any other an HTTP status and a text. Both carry \`x-outrigger-reason\`, the word of the
first column, which is also the label \`reason\` of \`outrigger_rejected_total\` and stands in the access log. What an instance answers itself carries no such header.

| reason | gRPC | HTTP | what happened | what to do |
| ------ | ---- | ---- | ------------- | ---------- |
${rows.join('\n')}
`;
}

/** `docs/reference/commands.md`: what \`--help\` says. */
function commandsMarkdown(): string {
  const sections = COMMANDS.map((command) => `## ${command}\n\n\`\`\`text\n${helpText(command).trim()}\n\`\`\`\n`);
  return `# Commands

${made('src/cli/help.ts and src/cli/flags.ts')}

| command | |
| ------- | - |
${COMMANDS.map((command) => `| [\`outrigger ${command}\`](#${command}) | ${cell(COMMAND_HELP[command].summary)} |`).join('\n')}

${sections.join('\n')}`;
}

/** What the telemetry port is asked for. */
const TELEMETRY: Readonly<Record<string, string>> = {
  'GET /metrics': 'metrics: [metrics.md](metrics.md)',
  'GET /ready': '200 when requests can be served, else 503 and why not',
  'GET /live': '200 while the process runs',
};

/** `docs/reference/admin.md`: what the two servers say of themselves; they are started for it, on ports of the system's choice. */
async function adminMarkdown(): Promise<string> {
  // Nothing is asked of them but their lists of routes.
  const none = {} as never;
  const admin = await startAdminServer({ listen: '127.0.0.1:0', view: none, actions: none, log });
  const telemetry = await startTelemetryServer({ listen: '127.0.0.1:0', metrics: none, readiness: none, log });
  try {
    const index = await (await fetch(`http://${admin.address}/`, { headers: { accept: 'text/plain' } })).text();
    const rows = [...index.matchAll(/^((?:GET|POST) \S+) +(.+)$/gm)].map(
      ([, route, about = '']) => `| \`${route}\` | ${cell(about).replaceAll(/(\?[^ ]*=.*)$/g, '`$1`')} |`,
    );
    const { available } = (await (await fetch(`http://${telemetry.address}/nothing`)).json()) as {
      available: string[];
    };
    return `# Admin and telemetry

${made('the routes of src/admin/admin_server.ts and telemetry_server.ts')}

## Admin, \`127.0.0.1:15000\`

Whoever reaches it may stop the sidecar: keep it on loopback. Answers are JSON unless they say otherwise; what changes something is a POST. The \`Host\` of a
request must be an address or localhost, so that no web page can ask in a browser's name. Secrets are never shown.

| request | what |
| ------- | ---- |
${rows.join('\n')}

\`\`\`sh
curl -s localhost:15000/services
curl -s -X POST localhost:15000/reload
curl -s -X POST 'localhost:15000/log-level?level=debug'
\`\`\`

## Telemetry, \`0.0.0.0:15020\`

For scrapers and probes, which come from elsewhere: it tells nothing more, and changes nothing.

| request | what |
| ------- | ---- |
${available.map((route) => `| \`${route}\` | ${TELEMETRY[route] ?? unknown(route)} |`).join('\n')}
`;
  } finally {
    await Promise.all([admin.close(), telemetry.close()]);
  }
}

function unknown(route: string): never {
  throw new Error(`${route} needs a word in .ci/reference.ts`);
}

/** Every page of `docs/reference/` by its name. */
export async function referencePages(): Promise<Record<string, string>> {
  return {
    'metrics.md': metricsMarkdown(),
    'errors.md': errorsMarkdown(),
    'commands.md': commandsMarkdown(),
    'admin.md': await adminMarkdown(),
  };
}
