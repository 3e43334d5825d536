import * as z from 'zod';
import { duration, endpointUrl, text } from './fields.ts';

const tls = z.strictObject({
  ca: text()
    .optional()
    .describe(
      'PEM file with the authorities to trust. Without it those that come with Node: enough for public certificates.',
    ),
  cert: text().optional().describe('PEM file with the certificate to show to the registry; needs `key`.'),
  key: text().optional().describe('PEM file with the private key of `cert`.'),
});

const emptyProtection = z
  .union([z.literal('off'), duration(1)])
  .default('off')
  .describe(
    'How long to keep the last instances when a service becomes empty all at once, or `off`. Off by default: an empty answer is ' +
      'what scaling to zero looks like.',
  );

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
    .describe('Password of `username`. Best taken from a variable of the environment. Never shown.'),
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

const fixed = z.strictObject({ type: z.literal('static') });

/** One entry of `registries`. */
export const registrySchema = z.discriminatedUnion('type', [etcd, file, fixed]);

export type RegistryInput = z.output<typeof registrySchema>;
