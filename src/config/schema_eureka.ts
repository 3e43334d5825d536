import * as z from 'zod';
import { EUREKA_ADDRESSES, EUREKA_PORTS } from './eureka_options.ts';
import { duration } from './fields.ts';
import { emptyProtection, tls } from './schema_registry_fields.ts';

const URL_OF_SERVER = 'a URL such as http://127.0.0.1:8761/eureka';

const url = z.string({ error: URL_OF_SERVER }).superRefine((value, context) => {
  const parsed = /^https?:\/\//.test(value) && URL.canParse(value) ? new URL(value) : null;
  if (parsed === null) {
    const hint = /^[\w.[\]:-]+(\/|$)/.test(value) ? `say the scheme, too: http://${value}` : null;
    context.addIssue({ code: 'custom', message: URL_OF_SERVER, params: { hint } });
  } else if (parsed.search !== '' || parsed.hash !== '') {
    context.addIssue({ code: 'custom', message: `${URL_OF_SERVER}, without a query`, params: { hint: null } });
  } else if (/\/apps\/?$/.test(parsed.pathname)) {
    const hint = `leave "apps" out: ${value.replace(/\/apps\/?$/, '')}`;
    context.addIssue({ code: 'custom', message: URL_OF_SERVER, params: { hint } });
  } else if (/%(?![0-9A-Fa-f]{2})/.test(parsed.username + parsed.password)) {
    const hint = 'write "%25" for a "%" in the password';
    context.addIssue({ code: 'custom', message: URL_OF_SERVER, params: { hint } });
  }
});

/** `type: eureka`. */
export const eureka = z.strictObject({
  type: z.literal('eureka'),
  urls: z
    .array(url)
    .min(1)
    .describe(
      "The servers' REST interfaces, what Spring calls `serviceUrl`: with the path, which is /eureka for Spring and /eureka/v2 for " +
        "Netflix's own. One is asked, the next when it does not answer.",
    ),
  username: z
    .string()
    .optional()
    .describe('User for basic authentication; needs `password`. An empty text means none. May stand in the URLs, too.'),
  password: z
    .string()
    .meta({ writeOnly: true })
    .optional()
    .describe('Password; needs `username`. Best taken from a variable of the environment. Never shown.'),
  interval: duration(100)
    .prefault('10s')
    .describe(
      'How often the server is asked for what changed. A server tells changes only after 30 s unless it is told otherwise ' +
        '(response-cache-update-interval-ms).',
    ),
  timeout: duration(100).prefault('5s').describe('How long one answer may take before the next server is asked.'),
  address: z
    .enum(EUREKA_ADDRESSES)
    .default('host')
    .describe('Which name of an instance is dialled: `hostName`, as other clients of Eureka do, or `ipAddr`.'),
  port: z
    .enum(EUREKA_PORTS)
    .default('auto')
    .describe(
      'Which port of an instance is dialled: `port` (plain), `securePort` (secure), or (auto) what its metadata give as `gRPC_port` or ' +
        '`gRPC.port`, else `port` if it is enabled, else `securePort`.',
    ),
  tls: tls.optional().describe('For https URLs; relative files are looked up beside the config.'),
  empty_protection: emptyProtection,
});
