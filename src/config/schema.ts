import * as z from 'zod';
import { duration, listenAddress, name, text, whole } from './fields.ts';
import { LISTEN_ADDRESS } from './listen_address.ts';
import { appSchema, needsSchema } from './schema_app.ts';
import { clientsSchema } from './schema_clients.ts';
import { accessLogSchema, tracingSchema } from './schema_observe.ts';
import { registerSchema } from './schema_register.ts';
import { registrySchema } from './schema_registries.ts';
import { discoverSchema, routeSchema, serviceSchema } from './schema_services.ts';
import { inboundSchema, secureListen } from './schema_tls.ts';

const LISTEN_ENTRY = `${LISTEN_ADDRESS}, or "{ address, tls }"`;

/** Threads beyond this gain nothing beside one app. */
const MOST_WORKERS = 256;

const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('The least important events that are written.'),
    format: z
      .enum(['auto', 'json', 'text'])
      .default('auto')
      .describe('json: an object per line, for collectors; text: for people; auto: text on a terminal, else json.'),
  })
  .prefault({});

/** Every key of the config: its type, default, unit and reason. The JSON Schema is made from this. */
export const configSchema = z.strictObject({
  listen: z
    .union([listenAddress, z.array(z.union([listenAddress, secureListen], { error: LISTEN_ENTRY })).min(1)])
    .default('127.0.0.1:15001')
    .describe(
      'Where the app sends its requests: host:port or unix:/path, or a list of them, in which { address, tls } is one that speaks TLS. ' +
        'Loopback, since it trusts its callers.',
    ),
  admin: listenAddress
    .default('127.0.0.1:15000')
    .describe('Where state is shown and changed. Loopback: whoever reaches it can see every service.'),
  telemetry: listenAddress
    .default('0.0.0.0:15020')
    .describe('/metrics, /ready and /live only. All addresses, since probes and scrapers come from outside.'),
  admin_grpc: listenAddress
    .nullable()
    .default(null)
    .describe(
      'Health, channelz and reflection for gRPC tools (grpcurl, grpcdebug), such as 127.0.0.1:15010; null: nowhere. Loopback, like `admin`.',
    ),
  workers: whole(1, MOST_WORKERS)
    .default(1)
    .describe(
      'Data threads; each takes its share of the connections. One serves an app well, and keeps the sidecar small.',
    ),
  reuse_port: z
    .boolean()
    .default(false)
    .describe(
      'A second sidecar may listen on the same TCP ports (SO_REUSEPORT): start the new one, stop the old one, and no connection is ' +
        'refused in between. Both need it. Off, since a second sidecar by mistake should be told that the port is in use.',
    ),
  log: log.describe('The event log, on standard error. Requests are not logged there, but by `access_log`.'),
  access_log: accessLogSchema.describe('A line for each request, or for some.'),
  tracing: tracingSchema
    .nullable()
    .prefault(null)
    .describe('Spans for each request and attempt, sent to a collector; null: trace headers are only passed on.'),
  clients: clientsSchema.describe(
    'What apps may do before their connections are ended. The limits that are not keys stand in docs/limits.md.',
  ),
  drain_grace: duration(0)
    .prefault('10s')
    .describe(
      'After a signal to stop: how long requests in flight may take to finish. 10s, well inside the 30s after which Kubernetes kills a pod.',
    ),
  app: appSchema,
  needs: needsSchema,
  registries: z
    .record(name, registrySchema)
    .prefault({})
    .describe('Where instances are found, each under a name of your own.'),
  inbound: inboundSchema
    .nullable()
    .default(null)
    .describe(
      'Takes TLS connections from outside for the local app, and tells it who calls (x-forwarded-client-cert); null: nothing.',
    ),
  services: z
    .record(name, serviceSchema)
    .prefault({})
    .describe('The services by name: what the app puts into the authority.'),
  discover: discoverSchema
    .nullable()
    .prefault(null)
    .describe('Names that are met for the first time are looked up here; null: only the services above are known.'),
  default_service: text('the name of a service, or null')
    .nullable()
    .default(null)
    .describe('The service for requests that nothing else names; null: they fail with `no_route`.'),
  routes: z
    .array(routeSchema)
    .default([])
    .describe('Services by request path, before the authority is asked; the first match wins.'),
  register: z
    .array(registerSchema)
    .prefault([])
    .describe(
      'Apps that are written into a registry while they are well, and taken out first thing when told to stop.',
    ),
  state_dir: text('a directory, or null')
    .nullable()
    .default(null)
    .describe(
      'Where the last good instances of every service are kept, for a start while the registry is away; null: nowhere. Relative to the ' +
        'config. One sidecar to a directory.',
    ),
});

/** What `configSchema` makes of a config: names as in the file, durations in milliseconds, defaults filled in. */
export type ConfigInput = z.output<typeof configSchema>;
