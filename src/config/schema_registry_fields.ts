import * as z from 'zod';
import { duration, text } from './fields.ts';

/** Certificates for connections to a registry. */
export const tls = z.strictObject({
  ca: text()
    .optional()
    .describe(
      'PEM file with the authorities to trust. Without it those that come with Node: enough for public certificates.',
    ),
  cert: text().optional().describe('PEM file with the certificate to show to the registry; needs `key`.'),
  key: text().optional().describe('PEM file with the private key; needs `cert`.'),
});

export const emptyProtection = z
  .union([z.literal('off'), duration(1)])
  .prefault('off')
  .describe(
    'How long to keep the last instances when a service becomes empty all at once, or `off`. Off by default: an empty answer is ' +
      'what scaling to zero looks like.',
  );
