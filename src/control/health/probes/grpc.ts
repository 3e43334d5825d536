import type { ServiceError, UntypedServiceImplementation } from '@grpc/grpc-js';
import { describeError } from '../../../base/errors.ts';
import type { Target } from '../../../model/instance.ts';
import type { Probe, ProbeResult } from './probe.ts';
import { timedOut } from './reasons.ts';

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const UNIMPLEMENTED = 12;
const NOT_FOUND = 5;
const DEADLINE_EXCEEDED = 4;

interface HealthReply {
  readonly status: string;
}
type Ask = (target: Target, service: string, timeout: number, signal?: AbortSignal) => Promise<ProbeResult>;

let loaded: Promise<Ask> | null = null;

/**
 * Well when `grpc.health.v1.Health/Check` answers SERVING (https://github.com/grpc/grpc/blob/master/doc/health-checking.md), or
 * UNIMPLEMENTED: a server without a health service that answers so is there and works, and `note` tells it.
 */
export function probeGrpc(service: string): Probe {
  return async (target, { timeout, signal }) => {
    try {
      loaded ??= load();
      return await (await loaded)(target, service, timeout, signal);
    } catch (error) {
      return { ok: false, reason: describeError(error) };
    }
  };
}

/** The gRPC client costs megabytes: only those pay who check this way. */
async function load(): Promise<Ask> {
  const [grpc, health] = await Promise.all([import('@grpc/grpc-js'), import('grpc-health-check')]);
  const definition =
    health.service as unknown as import('@grpc/grpc-js').ServiceDefinition<UntypedServiceImplementation>;
  const HealthClient = grpc.makeGenericClientConstructor(definition, 'Health');
  const credentials = grpc.credentials.createInsecure();
  const options = {
    // A connection of its own for each look, and nothing kept of it afterwards.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
  };

  return (target, service, timeout, signal) =>
    new Promise((resolve) => {
      const client = new HealthClient(dialTarget(target), credentials, options);
      const check = client.Check as unknown as (
        this: typeof client,
        request: { service: string },
        options: { deadline: number },
        done: (error: ServiceError | null, reply?: HealthReply) => void,
      ) => { cancel(): void };
      const call = check.call(client, { service }, { deadline: Date.now() + timeout }, (error, reply) => {
        client.close();
        resolve(error === null ? judge(reply?.status ?? 'nothing') : judgeError(error, service, timeout));
      });
      if (signal?.aborted) call.cancel();
      else signal?.addEventListener('abort', () => call.cancel(), { once: true });
    });
}

function dialTarget(target: Target): string {
  if ('path' in target) return `unix:${target.path}`;
  return target.host.includes(':') ? `ipv6:[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}

function judge(status: string): ProbeResult {
  return status === 'SERVING' ? { ok: true } : { ok: false, reason: `its health service says ${status}` };
}

function judgeError({ code, details }: ServiceError, service: string, timeout: number): ProbeResult {
  if (code === UNIMPLEMENTED) return { ok: true, note: 'it has no grpc.health.v1 service; that it answers counts' };
  if (code === NOT_FOUND) return { ok: false, reason: `its health service does not know ${JSON.stringify(service)}` };
  if (code === DEADLINE_EXCEEDED) return { ok: false, reason: timedOut(timeout) };
  // grpc-js adds a note on name resolution and the address; the same failure is to give the same text.
  const refused = /\bECONN[A-Z]+/.exec(details)?.[0];
  if (refused !== undefined) return { ok: false, reason: refused === 'ECONNREFUSED' ? 'connection refused' : refused };
  return { ok: false, reason: `status ${code}: ${details.slice(0, 200)}` };
}
