import * as z from 'zod';
import { PROTOCOLS } from '../model/service.ts';
import { duration, instanceAddress, name, text, whole } from './fields.ts';
import { balance } from './schema_balance.ts';
import { serviceHealth } from './schema_health.ts';
import { resilience } from './schema_resilience.ts';
import { routingKeys, versionSchema } from './schema_routing.ts';
import { upstreamTls } from './schema_tls.ts';

/** Record formats by name; `auto` recognises each by its shape. */
export const FORMATS = [
  'auto',
  'plain',
  'grpc',
  'hwholiday',
  'kratos',
  'go-micro',
  'kitex',
  'dubbo',
  'nerve',
  'outrigger',
] as const;

const MOST_REQUESTS = 1_000_000;

const limits = z
  .strictObject({
    requests: whole(1, MOST_REQUESTS).default(20_000).describe('Requests in flight, the waiting ones included.'),
    pending: whole(0, MOST_REQUESTS)
      .default(20_000)
      .describe('Requests that wait for an instance, a connection or a free stream.'),
    pending_timeout: duration(1)
      .prefault('6s')
      .describe('How long a request waits at most: the time that one connection attempt may take, and some.'),
    connections_per_instance: whole(1, 1_000)
      .optional()
      .describe(
        'Connections to one instance: by default 8, and 256 with protocol http/1.1, where each carries one request at a time. A further one ' +
          'is opened when those there are have no free stream.',
      ),
    instance_concurrency: z
      .union([z.literal('adaptive'), whole(1, MOST_REQUESTS)])
      .nullable()
      .default(null)
      .describe(
        'Requests that one instance may have at once; beyond, others get them, or they wait. `adaptive` finds the number out from how ' +
          'latency grows with load. Null: as many as the instance allows streams.',
      ),
  })
  .prefault({});

/** What can be said of a service wherever its instances come from. */
const tuning = {
  format: z
    .enum(FORMATS)
    .default('auto')
    .describe('Format of the records in the registry; auto recognises each by its shape.'),
  balance: balance
    .default('round_robin')
    .describe(
      'How an instance is picked for each request. round_robin: in turn. random: by chance. weighted_round_robin, weighted_random: the ' +
        'same by weight. pick_first: always the one of the greatest weight, while it lasts. least_request: of two drawn by chance the one ' +
        'with fewer requests under way for its weight. peak_ewma: of two the one with the lower latency, failures counted as slow. ' +
        'ring_hash, maglev: by `hash_on`. orca: in turn, by the load that instances report. Or a module of your own (a path that ends in ' +
        '.js, .mjs or .ts, relative to the config), which is loaded again when it changes.',
    ),
  version: versionSchema.describe('Which instances a request may go to.'),
  ...routingKeys,
  ...resilience,
  health: serviceHealth.describe(
    'Checks every instance from here; one that fails gets no requests. Null: no checks, connections and answers tell enough.',
  ),
  limits: limits.describe(
    'Bounds per service and data thread. Beyond them a request fails at once with `overloaded`: a queue without an end helps nobody.',
  ),
  tls: upstreamTls.describe('How connections to the instances are secured; null: not at all.'),
  protocol: z
    .enum(PROTOCOLS)
    .default('h2')
    .describe(
      'What the instances speak: `h2` is HTTP/2 with prior knowledge, `http/1.1` also carries WebSockets. Whatever apps speak is ' +
        'translated; gRPC needs h2.',
    ),
};

const instance = z.strictObject({
  address: instanceAddress.describe('host:port, [v6]:port or unix:/path.'),
  version: text('a version, or null').nullable().default(null).describe('Its version; null when it has none.'),
  weight: z
    .number({ error: 'a number from 0' })
    .min(0, { error: 'a number from 0' })
    .default(1)
    .describe('Relative share of the traffic, for policies that weigh; 0: only when there are no others.'),
  zone: text('a zone, or null').nullable().default(null).describe('Where it runs, for `zone: prefer` and `match`.'),
  metadata: z
    .record(text('the name of a label'), z.string({ error: 'a text' }))
    .default({})
    .describe('Labels, for `match`: `{ region: eu }`.'),
});

const registryNames = z
  .union([text('the name of a registry'), z.array(text('the name of a registry')).min(1)], {
    error: 'the name of a registry, or a list of them',
  })
  .optional();

const registryMode = z
  .enum(['union', 'priority'])
  .default('union')
  .describe(
    'What several registries mean together. union: the instances of all, so that a fleet can move from one to the other; the first ' +
      'registry speaks for an address that several know. priority: those of the first registry that has any.',
  );

const template = text('a path with {service}').superRefine((value, context) => {
  if (value.includes('{service}')) return;
  const params = { hint: 'for example /services/{service}/' };
  context.addIssue({ code: 'custom', message: 'a path with {service}', params });
});

/** One entry of `services`. */
export const serviceSchema = z.strictObject({
  registry: registryNames.describe(
    'Where its instances are found: a name of `registries`, or a list of them. May be left out when there is one.',
  ),
  registry_mode: registryMode,
  path: z
    .union([text(), z.record(name, text())])
    .optional()
    .describe(
      'Where in the registry, by default `/services/<name>/`. etcd: the prefix of the keys; end it with a slash, since a prefix ' +
        'without one also takes the keys of longer names. file: its last part is the name in the file. consul: the name of the ' +
        'service, by default `<name>`, as in `book?tag=v2&dc=dc1&near=_agent` or `consul://host:8500/book?healthy=true`. ' +
        'kubernetes: service, namespace/service or service.namespace, perhaps with :port (a port of the pods, by name or number), by ' +
        'default `<name>`. dns: host:port, or _service._proto.name for SRV records, perhaps with @version; there is no default. For ' +
        'these two, several with commas between them are one service.',
    ),
  ...tuning,
  instances: z
    .array(instance)
    .min(1)
    .optional()
    .describe('The instances themselves: for a registry of type static, and for no other.'),
});

/** `discover`: a service for every name that is met for the first time. */
export const discoverSchema = z.strictObject({
  registry: registryNames.describe(
    'Where the names are looked up: a name of `registries`, or a list of them. May be left out when there is one registry.',
  ),
  registry_mode: registryMode,
  path: z
    .union([template, z.record(name, template)])
    .optional()
    .describe(
      'Where in the registry; {service} stands for the name. By default `/services/{service}/`, in Consul and Kubernetes `{service}`.',
    ),
  ...tuning,
});

/** One entry of `routes`. */
export const routeSchema = z.strictObject({
  path: text('a path')
    .regex(/^(\/|$)/, { error: 'a path that starts with "/"' })
    .describe('Start of the request path: `/book.BookService/` for a gRPC service, `/` for everything.'),
  host: text('a host, or null')
    .regex(/^([^/:\s]*|\[.*\])$/, { error: 'a host without a port' })
    .nullable()
    .default(null)
    .describe('Only requests whose authority has this host; null: any.'),
  service: text('the name of a service').describe('The service that gets the request.'),
});

export type ServiceInput = z.output<typeof serviceSchema>;
export type DiscoverInput = z.output<typeof discoverSchema>;
