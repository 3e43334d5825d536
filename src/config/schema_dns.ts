import { isIP } from 'node:net';
import * as z from 'zod';
import { parseAddress } from '../model/instance.ts';
import { duration } from './fields.ts';
import { emptyProtection } from './schema_registry_fields.ts';

const SERVER = 'the IP address of a name server, perhaps with its port';

const server = z.string({ error: SERVER }).superRefine((value, context) => {
  if (isIP(value) !== 0) return;
  const address = parseAddress(value);
  if (address !== null && 'host' in address && isIP(address.host) !== 0) return;
  const hint = 'such as 10.0.0.2, 127.0.0.1:5353 or [::1]:5353: a name would need another server to resolve it';
  context.addIssue({ code: 'custom', message: SERVER, params: { hint } });
});

/** `type: dns`. */
export const dns = z.strictObject({
  type: z.literal('dns'),
  servers: z
    .array(server)
    .min(1)
    .optional()
    .describe(
      'Name servers, asked in this order when one does not answer. By default those of the system (/etc/resolv.conf).',
    ),
  family: z
    .enum(['auto', 'ipv4', 'ipv6', 'both'])
    .default('auto')
    .describe(
      'Which addresses of a host are instances. auto: the IPv4 ones, and the IPv6 ones of a host that has no others, since one that ' +
        'has both would count twice.',
    ),
  min_ttl: duration(1)
    .prefault('1s')
    .describe('Names are resolved again when the TTL of their addresses is over, but no sooner than after this.'),
  max_ttl: duration(1)
    .prefault('30s')
    .describe(
      'Names are resolved again after this at the latest, however long their TTL: so long may an instance go unseen.',
    ),
  timeout: duration(1)
    .prefault('1s')
    .describe('How long to wait for the answer of one server before the next one is asked; each is asked twice.'),
  empty_protection: emptyProtection,
});
