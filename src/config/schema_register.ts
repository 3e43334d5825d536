import * as z from 'zod';
import { parseAddress } from '../model/instance.ts';
import { duration, name, text, whole } from './fields.ts';
import { registrationHealth } from './schema_health.ts';
import { FORMATS } from './schema_services.ts';

/** Shortest life of a record, in milliseconds: what is shorter is lost in every pause of the registry or of this machine. */
const SHORTEST_TTL = 10_000;

const ADDRESS = 'host:port, or a host with "port" beside it';

/** One entry of `register`. */
export const registerSchema = z
  .strictObject({
    service: name.describe('The name under which others call the app.'),
    registry: text('the name of a registry')
      .optional()
      .describe('Where to register: a name of `registries`. May be left out when there is one.'),
    address: text(ADDRESS)
      .optional()
      .describe(
        'Where others reach the app: host:port, or a host alone (in Kubernetes the IP of the pod) with `port` beside it. Left out, the ' +
          'host is the address of this machine on the way to the registry.',
      ),
    port: whole(1, 65_535).optional().describe('The port of the app, when `address` does not say it.'),
    version: text('a version, or null').nullable().default(null).describe('Its version; null when it has none.'),
    weight: z
      .number({ error: 'a number from 0' })
      .min(0, { error: 'a number from 0' })
      .default(1)
      .describe('Relative share of the traffic, for readers that weigh.'),
    zone: text('a zone, or null').nullable().default(null).describe('Where it runs.'),
    metadata: z
      .record(z.string(), z.string())
      .default({})
      .describe('Labels of your own, in formats that have room for them.'),
    id: text()
      .regex(/^[^/\s]+$/, { error: 'a text without "/" and spaces' })
      .optional()
      .describe('Its own name in the registry. Left out, it is made from service and address.'),
    path: text()
      .optional()
      .describe(
        'Where in the registry, by default `/services/<service>/` (Consul: the service). etcd: the prefix that the key begins with.',
      ),
    format: z
      .enum(FORMATS.filter((format) => format !== 'auto'))
      .default('outrigger')
      .describe(
        'How the record is written, so that those who read it find it. Consul has one of its own, in which only `kratos` makes a difference.',
      ),
    ttl: duration(SHORTEST_TTL)
      .prefault('15s')
      .describe('How long the record stays when this machine is gone; renewed three times in it.'),
    health: registrationHealth.describe(
      'The app is registered only while this check passes. By default tcp: its port takes connections. off: always.',
    ),
    allow_loopback: z
      .boolean()
      .default(false)
      .describe(
        'Register a loopback address although the registry is elsewhere. Others cannot reach it: for tests on one machine.',
      ),
  })
  .superRefine((value, context) => {
    const { address, port } = value;
    const issue = (key: string, message: string, hint: string): void =>
      context.addIssue({ code: 'custom', path: [key], message, params: { hint } });
    if (address === undefined) {
      if (port === undefined) issue('address', ADDRESS, 'or give "port" alone: the host is found out then');
      return;
    }
    const whole = parseAddress(address);
    if (whole !== null && 'path' in whole) issue('address', ADDRESS, 'others cannot reach a unix socket');
    else if (whole !== null && port !== undefined)
      issue('port', 'no port, since "address" says it', 'leave one of them out');
    else if (whole === null && (port === undefined || parseAddress(joined(address, port)) === null))
      issue('address', ADDRESS, port === undefined ? 'the port is missing' : 'for example "10.0.0.5"');
  });

/** Host and port as an address; a bare IPv6 address gets its brackets. */
export function joined(host: string, port: number): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`;
}

export type RegisterInput = z.output<typeof registerSchema>;
