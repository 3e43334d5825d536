import type { Clock } from '../../base/clock.ts';
import { OutriggerError } from '../../base/errors.ts';
import { type ConsulPath, parseConsulPath } from '../../config/consul_path.ts';
import type { ConsulOptions } from '../../config/registry_options.ts';
import { parseAddress } from '../../model/instance.ts';
import { consulError } from '../registries/consul/errors.ts';
import { ConsulHttp, type ConsulRequest, type ConsulResponse } from '../registries/consul/http.ts';
import { CONSUL_TIMING } from '../registries/consul/timing.ts';
import type { Registration } from './registration.ts';
import type { Held, RegistrationWriter, WriterDeps } from './writer.ts';

export interface ConsulWriterOptions {
  /** The name of the registry in the config. */
  readonly registry: string;
  readonly consul: ConsulOptions;
  /** `path` is the name of the service; its `ns` and `partition` count, and the agent of the URI form. */
  readonly registration: Registration;
}

/** Consul takes out what was critical for this long; it takes no less than a minute. In milliseconds. */
const REAPED_AFTER = 60_000;
/** TTLs that an app may be unwell for and still be in the catalog, where people can see that it is. */
const REAPED_AFTER_TTLS = 20;

/**
 * Keeps one service in a Consul agent, with a TTL check of its own: https://developer.hashicorp.com/consul/api-docs/agent/service.
 * A sidecar that dies lets the check run out, which hides the instance after one TTL; Consul takes the record away later.
 * Throws an OutriggerError `consul_path` or `consul_address` for what cannot be registered there.
 */
export function openConsulWriter(options: ConsulWriterOptions, deps: WriterDeps, clock: Clock): RegistrationWriter {
  const { registry, consul, registration } = options;
  const path = pathOf(registration);
  const { protocol } = new URL(consul.address);
  const address = path.host === null ? consul.address : `${protocol}//${path.host}`;
  const http = new ConsulHttp(address, consul, CONSUL_TIMING.maxAnswer, clock);
  const closing = new AbortController();
  const { id } = registration;
  const check = `outrigger:${id}`;
  const definition = definitionOf(registration, path.service, check);
  const place = new URLSearchParams();
  const namespace = path.namespace ?? consul.namespace;
  const partition = path.partition ?? consul.partition;
  if (namespace !== undefined) place.set('ns', namespace);
  if (partition !== undefined) place.set('partition', partition);
  /** What the check was set to last: keeping the record must not make an app look well that is not. */
  let status = { Status: 'passing', Output: '' };

  type Ask = (method: ConsulRequest['method'], path: string, body?: unknown) => Promise<ConsulResponse>;

  /** Runs the requests of one method, within its deadline, and gives what fails its code and place. */
  async function bounded<T>(doing: string, requests: (ask: Ask) => Promise<T>): Promise<T> {
    const until = clock.now() + deps.timeout;
    try {
      return await requests((method, to, body) =>
        http.send({
          method,
          path: place.size === 0 ? to : `${to}${to.includes('?') ? '&' : '?'}${place}`,
          ...(body === undefined ? {} : { body }),
          timeout: Math.max(1, until - clock.now()),
          signal: closing.signal,
        }),
      );
    } catch (cause) {
      const error = consulError(cause, registry, address, `${doing} ${id} of ${path.service}`);
      throw error.code === 'consul_permission' ? writePermission(error) : error;
    }
  }

  /** Whether the agent still has the record: a restart without its data, or somebody else, took it away. */
  async function isKnown(ask: Ask): Promise<boolean> {
    const answer = await ask('GET', `/v1/agent/service/${encodeURIComponent(id)}`);
    if (answer.status !== 404) accepted(answer);
    return answer.status !== 404;
  }

  const update = (doing: string): Promise<Held> =>
    bounded(doing, async (ask): Promise<Held> => {
      const answer = await ask('PUT', `/v1/agent/check/update/${encodeURIComponent(check)}`, status);
      if (answer.status === 200) return 'held';
      // 404 since 1.13, 500 before: it has no such check. Then the record is not there, or is not ours any more: `put` mends both.
      const noCheck = /unknown check|does not have associated TTL/i.test(answer.body);
      if (noCheck || !(await isKnown(ask))) return 'gone';
      accepted(answer);
      return 'gone';
    });

  return {
    type: 'consul',
    place: `${path.service}/${id} at ${address}`,
    put: () =>
      bounded('registering', async (ask) => {
        // The definition says that the check passes, so there is no moment at which readers see it fail.
        status = { Status: 'passing', Output: '' };
        accepted(await ask('PUT', '/v1/agent/service/register?replace-existing-checks=true', definition));
      }),
    refresh: () => update('keeping'),
    setPassing(passing, note) {
      status = { Status: passing ? 'passing' : 'critical', Output: note };
      return update(passing ? 'making available' : 'taking out of service');
    },
    remove: () =>
      bounded('taking out', async (ask) => {
        const answer = await ask('PUT', `/v1/agent/service/deregister/${encodeURIComponent(id)}`);
        if (answer.status === 200 || !(await isKnown(ask))) return;
        accepted(answer);
      }),
    async close() {
      closing.abort();
      http.close();
    },
  };
}

/**
 * The body of `PUT /v1/agent/service/register`. The version stands where readers of all kinds look for it; of the formats only
 * kratos' has anything of its own in Consul.
 */
function definitionOf(registration: Registration, service: string, check: string): object {
  const { id, address, version, weight, zone, metadata, format, ttlMs } = registration;
  const target = parseAddress(address);
  if (target === null || 'path' in target)
    throw new OutriggerError('consul_address', `Consul holds hosts and ports: ${address} cannot be registered there`, {
      hint: 'Give an address of the form host:port.',
    });
  return {
    ID: id,
    Name: service,
    Address: target.host,
    Port: target.port,
    // Without an endpoint of its scheme, go-kratos' `contrib/registry/consul` takes the address for one of HTTP.
    ...(format === 'kratos'
      ? { TaggedAddresses: { grpc: { Address: `grpc://${address}?isSecure=false`, Port: target.port } } }
      : {}),
    Meta: { ...metadata, ...(version === null ? {} : { version }), ...(zone === null ? {} : { zone }) },
    Tags: version === null ? [] : [`version=${version}`],
    // Whole numbers from 1, as Consul takes them.
    Weights: { Passing: Math.max(1, Math.round(weight)), Warning: 1 },
    Check: {
      CheckID: check,
      Name: 'health as seen by Outrigger',
      TTL: `${ttlMs}ms`,
      Status: 'passing',
      DeregisterCriticalServiceAfter: `${Math.max(REAPED_AFTER, REAPED_AFTER_TTLS * ttlMs)}ms`,
    },
  };
}

function pathOf({ path }: Registration): ConsulPath {
  const parsed = parseConsulPath(path);
  if (parsed.ok) return parsed.value;
  throw new OutriggerError('consul_path', `the path ${JSON.stringify(path)} ${parsed.problem}`, { hint: parsed.hint });
}

function accepted({ status, body }: ConsulResponse): void {
  if (status !== 200) throw new Error(`${status} ${body.trim().slice(0, 300)}`);
}

function writePermission(error: OutriggerError): OutriggerError {
  return new OutriggerError(error.code, error.message, {
    hint: 'Give the token a policy with service:write for the service (consul acl policy create).',
    cause: error.cause,
  });
}
