import * as z from 'zod';
import { duration, listenAddress, whole } from './fields.ts';
import type { HealthCheck } from './health_options.ts';

const EXPECTED = 'tcp, or a map with one of grpc, http and tcp';

const check = {
  grpc: z
    .string({ error: 'the name of a service, or ""' })
    .optional()
    .describe(
      'Ask `grpc.health.v1.Health` for this service; "" for the server as a whole. UNIMPLEMENTED is an answer, too. One of `grpc`, `http` and `tcp` is needed.',
    ),
  http: z
    .string({ error: 'a path that starts with "/"' })
    .regex(/^\/[\x21-\x7e]*$/, { error: 'a path that starts with "/"' })
    .optional()
    .describe('GET this path over HTTP/1.1: well with a status from 200 to 399. In place of `grpc`.'),
  watch: z
    .boolean()
    .default(true)
    .describe(
      'With `grpc`: `Watch` besides `Check`, where it is offered. What it says counts at once, and one connection to each instance stays open. false: a connection for each check.',
    ),
  tcp: z.literal(true).optional().describe('true: well when a connection can be made. In place of `grpc`.'),
};

/** `rise` by default: how many good answers bring an instance back. */
function timing(rise: number, why: string) {
  return {
    interval: duration(100).prefault('5s').describe('Time between two checks, varied by 10%.'),
    timeout: duration(1).prefault('1s').describe('Longest wait for an answer, the connection included.'),
    rise: whole(1, 100).default(rise).describe(`Good answers in a row after which what failed counts as well. ${why}`),
    fall: whole(1, 100).default(3).describe('Bad answers in a row after which it fails: one may be bad luck.'),
  };
}

function oneCheck(
  value: { grpc?: string | undefined; http?: string | undefined; tcp?: true | undefined },
  context: z.RefinementCtx,
): void {
  const given = (['grpc', 'http', 'tcp'] as const).filter((key) => value[key] !== undefined);
  if (given.length === 1) return;
  const hint =
    given.length === 0 ? 'for example { grpc: "" }, { http: /healthz } or tcp' : `there are: ${given.join(', ')}`;
  context.addIssue({ code: 'custom', message: 'one of grpc, http and tcp', params: { hint } });
}

/** `tcp` alone is short for `{ tcp: true }`. */
const tcpAlone = z.literal('tcp');

const serviceHealthMap = z
  .strictObject({
    ...check,
    ...timing(2, 'Two: an instance that comes and goes should not.'),
    port: whole(1, 65_535)
      .nullable()
      .default(null)
      .describe('Where to check, when it is not the port of the instance; null: there.'),
    tls: z
      .boolean()
      .nullable()
      .default(null)
      .describe(
        'Check over TLS, with what the `tls` of the service says; for `grpc` and `http`. null: where the service has `tls` and the check no `port` of its own.',
      ),
    keep: z
      .union([z.literal('off'), duration(1)])
      .prefault('off')
      .describe(
        'How long an instance that left the registry stays in use while it still passes. Off by default: one that leaves on purpose ' +
          'passes until it has stopped. For registries that lose what is there.',
      ),
  })
  .superRefine(oneCheck);

/** `health` of a service. */
export const serviceHealth = z.union([tcpAlone, serviceHealthMap], { error: EXPECTED }).nullable().prefault(null);

const registrationHealthMap = z
  .strictObject({
    ...check,
    ...timing(1, 'One: an app that answers is up.'),
    address: listenAddress
      .nullable()
      .default(null)
      .describe('Where to check: host:port or unix:/path; null: the address that is registered.'),
  })
  .superRefine(oneCheck);

/** `health` of an entry of `register`. */
export const registrationHealth = z
  .union([z.enum(['tcp', 'off']), registrationHealthMap], { error: `off, ${EXPECTED}` })
  .prefault('tcp');

export type ServiceHealthInput = z.output<typeof serviceHealth>;
export type RegistrationHealthInput = z.output<typeof registrationHealth>;

/** What `tcp` alone stands for. */
export const SERVICE_HEALTH_TCP = serviceHealthMap.parse({ tcp: true });
export const REGISTRATION_HEALTH_TCP = registrationHealthMap.parse({ tcp: true });

export function checkOf(input: {
  readonly grpc?: string | undefined;
  readonly http?: string | undefined;
  readonly watch: boolean;
}): HealthCheck {
  if (input.grpc !== undefined) return { kind: 'grpc', service: input.grpc, watch: input.watch };
  return input.http === undefined ? { kind: 'tcp' } : { kind: 'http', path: input.http };
}
