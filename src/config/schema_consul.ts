import * as z from 'zod';
import { CONSUL_CONSISTENCY, CONSUL_HEALTH } from './consul_path.ts';
import { duration, text } from './fields.ts';

const ADDRESS = 'a URL such as http://127.0.0.1:8500';

const address = z.string({ error: ADDRESS }).superRefine((value, context) => {
  const url = /^https?:\/\//.test(value) && URL.canParse(value) ? new URL(value) : null;
  if (url === null) {
    const hint = /^[\w.[\]:-]+$/.test(value) ? `say the scheme, too: http://${value}` : null;
    context.addIssue({ code: 'custom', message: ADDRESS, params: { hint } });
  } else if (url.username !== '' || url.password !== '') {
    const params = { hint: 'Consul knows tokens, not users: give "token" or "token_file"' };
    context.addIssue({ code: 'custom', message: `${ADDRESS}, without a user`, params });
  } else if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '') {
    context.addIssue({ code: 'custom', message: `${ADDRESS}, without a path`, params: { hint: null } });
  }
});

const tls = z.strictObject({
  ca: text()
    .optional()
    .describe(
      'PEM file with the authorities to trust. Without it those that come with Node: enough for public certificates.',
    ),
  cert: text().optional().describe('PEM file with the certificate to show to Consul; needs `key`.'),
  key: text().optional().describe('PEM file with the private key; needs `cert`.'),
  server_name: text()
    .optional()
    .describe('The name that the certificate is for, such as server.dc1.consul; without it the host of `address`.'),
});

/** One entry of `registries` with `type: consul`, but for the keys that all registries share. */
export const consulKeys = {
  type: z.literal('consul'),
  address: address
    .default('http://127.0.0.1:8500')
    .describe('URL of the agent to ask: the one on this machine, as a rule. http or https.'),
  token: z
    .string()
    .meta({ writeOnly: true })
    .optional()
    .describe('ACL token. Best taken from a variable of the environment; an empty text means none. Never shown.'),
  token_file: text()
    .optional()
    .describe(
      'In place of `token`: a file with it, read again before each question, so that it may change. Relative to the config.',
    ),
  datacenter: text()
    .optional()
    .describe('Where to look when a path names no `dc`. Without it the datacenter of the agent.'),
  namespace: text()
    .optional()
    .describe('Where to look when a path names no `ns` (Consul Enterprise). Without it the namespace of the agent.'),
  partition: text()
    .optional()
    .describe(
      'Where to look when a path names no `partition` (Consul Enterprise). Without it the partition of the agent.',
    ),
  health: z
    .enum(CONSUL_HEALTH)
    .default('passing')
    .describe(
      'Which instances are used: those whose checks all pass; those with warnings, too (with the weight that Consul gives them for ' +
        'it); or any, whatever their checks say.',
    ),
  consistency: z
    .enum(CONSUL_CONSISTENCY)
    .default('default')
    .describe(
      'Who may answer. stale: any server, also one that has not heard of its leader, which spreads the load and goes on without a ' +
        'leader; consistent: only a leader that has just been confirmed, which costs a round trip in the cluster.',
    ),
  wait: duration(1_000)
    .refine((ms) => ms <= 600_000, { error: 'at most 10m: Consul waits no longer' })
    .prefault('5m')
    .describe(
      'How long Consul holds a question to which nothing new is known. Shorter finds a frozen agent sooner, and asks more often.',
    ),
  tls: tls
    .optional()
    .describe('For an https address; relative files are looked up beside the config, and read again when they change.'),
};
