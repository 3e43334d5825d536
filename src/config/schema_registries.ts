import * as z from 'zod';
import { endpointUrl, text } from './fields.ts';
import { consulKeys } from './schema_consul.ts';
import { dns } from './schema_dns.ts';
import { eureka } from './schema_eureka.ts';
import { kubernetes } from './schema_kubernetes.ts';
import { emptyProtection, tls } from './schema_registry_fields.ts';
import { zookeeper } from './schema_zookeeper.ts';

const etcd = z.strictObject({
  type: z.literal('etcd'),
  endpoints: z
    .array(endpointUrl)
    .min(1)
    .describe('URLs of the members: all http or all https. Name several, so that one may be away.'),
  username: z
    .string()
    .optional()
    .describe('User for password authentication; needs `password`. An empty text means none.'),
  password: z
    .string()
    .meta({ writeOnly: true })
    .optional()
    .describe('Password; needs `username`. Best taken from a variable of the environment. Never shown.'),
  tls: tls.optional().describe('For https endpoints; relative files are looked up beside the config.'),
  empty_protection: emptyProtection,
});

const file = z.strictObject({
  type: z.literal('file'),
  path: text().describe(
    'File with the records, or a directory of such files; followed as it changes. Relative to the config.',
  ),
  empty_protection: emptyProtection,
});

const consul = z.strictObject({ ...consulKeys, empty_protection: emptyProtection });

const fixed = z.strictObject({ type: z.literal('static') });

/** One entry of `registries`. */
export const registrySchema = z.discriminatedUnion('type', [
  etcd,
  consul,
  file,
  fixed,
  dns,
  kubernetes,
  zookeeper,
  eureka,
]);

export type RegistryInput = z.output<typeof registrySchema>;
