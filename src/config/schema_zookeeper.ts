import * as z from 'zod';
import { duration } from './fields.ts';
import { emptyProtection } from './schema_registry_fields.ts';

const SERVER = 'host:port such as 127.0.0.1:2181, perhaps with a path: 127.0.0.1:2181/team';

const server = z.string({ error: SERVER }).superRefine((value, context) => {
  const [, host = '', port = '2181', path = ''] =
    /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?(\/.*)?$/.exec(value) ?? [];
  if (host !== '' && Number(port) >= 1 && Number(port) <= 65_535 && /^(\/|(\/(?!\.{1,2}(\/|$))[^/]+)+\/?)?$/.test(path))
    return;
  let hint: string | null = null;
  if (value.includes('://')) hint = 'leave the scheme out';
  else if (value.includes(',')) hint = 'write the servers as a list: [a:2181, b:2181]';
  context.addIssue({ code: 'custom', message: SERVER, params: { hint } });
});

/** `type: zookeeper`. */
export const zookeeper = z.strictObject({
  type: z.literal('zookeeper'),
  servers: z
    .array(server)
    .min(1)
    .describe(
      'Members of the ensemble; name several, so that one may be away. A path at the end of one (`host:2181/team`) is what all paths ' +
        'of all servers are below of.',
    ),
  username: z.string().optional().describe('User of the digest scheme; needs `password`. An empty text means none.'),
  password: z
    .string()
    .meta({ writeOnly: true })
    .optional()
    .describe('Password; needs `username`. Best taken from a variable of the environment. Never shown.'),
  session_timeout: duration(1_000)
    .prefault('10s')
    .describe(
      'How long the server keeps the session of a sidecar that it lost. The server has bounds of its own for it.',
    ),
  empty_protection: emptyProtection,
});
