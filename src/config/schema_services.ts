import * as z from 'zod';
import { BALANCE_POLICIES } from '../model/service.ts';
import { duration, headerName, instanceAddress, text, whole } from './fields.ts';

/** Record formats by name; `auto` recognises each by its shape. */
export const FORMATS = ['auto', 'plain', 'grpc', 'hwholiday'] as const;

const MOST_REQUESTS = 1_000_000;

const version = z
  .strictObject({
    header: headerName
      .default('x-version')
      .describe('Request header that names the wanted version. It is forwarded, so that the next hop can choose, too.'),
    default: text('a version, or null')
      .nullable()
      .default(null)
      .describe('The version for requests without the header; null: all instances.'),
    fallback: z
      .union([z.enum(['none', 'any']), z.array(text('a version')).min(1)])
      .default('none')
      .describe(
        'When no instance has the version: `none` answers with an error, `any` takes every instance, a list tries these versions in ' +
          'order. None by default: a request for v2 that v1 answers is worse than an error that says so.',
      ),
  })
  .prefault({});

const limits = z
  .strictObject({
    requests: whole(1, MOST_REQUESTS).default(20_000).describe('Requests in flight, the waiting ones included.'),
    pending: whole(0, MOST_REQUESTS)
      .default(20_000)
      .describe('Requests that wait for an instance, a connection or a free stream.'),
    connections_per_instance: whole(1, 1_000)
      .default(8)
      .describe('Connections to one instance. A second one is opened when the first has no free stream.'),
  })
  .prefault({});

/** What can be said of a service wherever its instances come from. */
const tuning = {
  format: z
    .enum(FORMATS)
    .default('auto')
    .describe('Format of the records in the registry; auto recognises each by its shape.'),
  balance: z.enum(BALANCE_POLICIES).default('round_robin').describe('How an instance is picked for each request.'),
  version: version.describe('Which instances a request may go to.'),
  timeout: duration(1, ', or null')
    .nullable()
    .default(null)
    .describe("Longest time from a request's arrival to the end of its answer; null: only the client's own deadline."),
  limits: limits.describe(
    'Bounds per service and data thread. Beyond them a request fails at once with `overloaded`: a queue without an end helps nobody.',
  ),
  protocol: z.literal('h2').default('h2').describe('What the instances speak: HTTP/2 with prior knowledge.'),
};

const instance = z.strictObject({
  address: instanceAddress.describe('host:port, [v6]:port or unix:/path.'),
  version: text('a version, or null').nullable().default(null).describe('Its version; null when it has none.'),
  weight: z
    .number({ error: 'a number from 0' })
    .min(0, { error: 'a number from 0' })
    .default(1)
    .describe('Relative share of the traffic. Shown, and for policies that weigh; the present ones treat all alike.'),
  zone: text('a zone, or null').nullable().default(null).describe('Where it runs; shown.'),
});

/** One entry of `services`. */
export const serviceSchema = z.strictObject({
  registry: text('the name of a registry')
    .optional()
    .describe('Where its instances are found: a name of `registries`. May be left out when there is one.'),
  path: text()
    .optional()
    .describe(
      'Where in the registry, by default `/services/<name>/`. etcd: the prefix of the keys; end it with a slash, since a prefix ' +
        'without one also takes the keys of longer names. file: its last part is the name in the file.',
    ),
  ...tuning,
  instances: z.array(instance).min(1).optional().describe('The instances themselves, for a registry of type static.'),
});

/** `discover`: a service for every name that is met for the first time. */
export const discoverSchema = z.strictObject({
  registry: text('the name of a registry')
    .optional()
    .describe('Where the names are looked up. May be left out when there is one registry.'),
  path: text()
    .superRefine((value, context) => {
      if (value.includes('{service}')) return;
      const params = { hint: 'for example /services/{service}/' };
      context.addIssue({ code: 'custom', message: 'a path with {service}', params });
    })
    .default('/services/{service}/')
    .describe('Where in the registry; {service} stands for the name.'),
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
