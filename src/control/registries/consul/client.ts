import type { Clock } from '../../../base/clock.ts';
import type { ConsulHealth, ConsulPath } from '../../../config/consul_path.ts';
import type { ConsulOptions } from '../../../config/registry_options.ts';
import type { RecordProtocol } from '../records/record.ts';
import { type ConsulSet, readEntries, readNames } from './entries.ts';
import { notConsul } from './errors.ts';
import { ConsulHttp, type ConsulResponse } from './http.ts';
import { type ConsulTiming, heldTimeout } from './timing.ts';

/** What is asked about one service, with everything decided that the path left open. */
export type ConsulQuestion = Omit<ConsulPath, 'host' | 'health' | 'consistency'> & {
  readonly protocol: RecordProtocol;
  readonly health: ConsulHealth;
  readonly consistency: ConsulOptions['consistency'];
};

/** The answer to a question about a service. */
export interface ConsulAnswer {
  /** What to give with the next question, so that Consul holds it until something changes; never 0. */
  readonly index: bigint;
  readonly set: ConsulSet;
}

/** The questions that following services takes, asked of one agent. */
export class ConsulClient {
  /** `http://host:port` */
  readonly address: string;
  readonly #http: ConsulHttp;
  readonly #timing: ConsulTiming;

  constructor(address: string, options: ConsulOptions, timing: ConsulTiming, clock: Clock) {
    this.address = address;
    this.#http = new ConsulHttp(address, options, timing.maxAnswer, clock);
    this.#timing = timing;
  }

  /**
   * The instances of a service. With an index of 0 at once, else when Consul knows something newer than that, or when the wait is
   * over. `node` is one that instances were on before, or null. Rejects when there is no answer that can be believed: an empty one
   * is not when ACLs hide what there is, or when it comes from a server that knows no leader.
   */
  async instances(
    question: ConsulQuestion,
    index: bigint,
    node: string | null,
    signal: AbortSignal,
  ): Promise<ConsulAnswer> {
    const { wait, request } = this.#timing;
    const held = index > 0n;
    const response = this.#accepted(
      await this.#http.send({
        method: 'GET',
        path: healthPath(question, index, wait),
        timeout: held ? heldTimeout(wait, request) : request,
        signal,
      }),
    );
    const next = indexOf(response);
    const set = readEntries(response.body, question);
    if (set.instances.length === 0 && set.bad.length === 0) await this.#believeEmpty(question, response, node, signal);
    return { index: next, set };
  }

  /** Asks once whether Consul answers this token about this datacenter, whatever it may see there. Rejects if not. */
  async probe(question: ConsulQuestion): Promise<void> {
    const path = healthPath({ ...question, filter: null }, 0n, 0);
    const { signal } = new AbortController();
    indexOf(this.#accepted(await this.#http.send({ method: 'GET', path, timeout: this.#timing.check, signal })));
  }

  /** The names of all services that the token may see. Rejects when there is no answer. */
  async names({ datacenter, namespace, partition }: ConsulOptions): Promise<readonly string[]> {
    const parameters = new URLSearchParams();
    set(parameters, 'dc', datacenter ?? null);
    set(parameters, 'ns', namespace ?? null);
    set(parameters, 'partition', partition ?? null);
    const path = `/v1/catalog/services?${parameters}`;
    const { signal } = new AbortController();
    const { body } = this.#accepted(
      await this.#http.send({ method: 'GET', path, timeout: this.#timing.request, signal }),
    );
    return readNames(body);
  }

  /** Ends all connections; what runs rejects. */
  close(): void {
    this.#http.close();
  }

  #accepted(response: ConsulResponse): ConsulResponse {
    const { status, body } = response;
    if (status === 200) return response;
    const text = body.trim().slice(0, 300);
    if (status === 404 || (status >= 300 && status < 400)) throw notConsul(`has the status ${status}: ${text}`);
    throw new Error(`${status} ${text}`.trim());
  }

  /**
   * Consul leaves out what a token may not see, and answers with an empty list instead of an error. Since 1.11 a header says so;
   * older ones are asked, as their own user interface does.
   */
  async #believeEmpty(
    { service, namespace, partition, datacenter }: ConsulQuestion,
    { headers }: ConsulResponse,
    node: string | null,
    signal: AbortSignal,
  ): Promise<void> {
    if (headers['x-consul-knownleader'] === 'false')
      throw new Error('an empty answer from a server that knows no leader');
    if (headers['x-consul-results-filtered-by-acls'] === 'true')
      throw new Error('ACLs leave nothing to see of this service: the token may not read it');
    const wanted = [
      { Resource: 'service', Access: 'read', Segment: service },
      ...(node === null ? [] : [{ Resource: 'node', Access: 'read', Segment: node }]),
    ];
    const parameters = new URLSearchParams();
    set(parameters, 'dc', datacenter);
    set(parameters, 'ns', namespace);
    set(parameters, 'partition', partition);
    const path = `/v1/internal/acl/authorize?${parameters}`;
    const { request: timeout } = this.#timing;
    const answer = await this.#http.send({ method: 'POST', path, body: wanted, timeout, signal });
    for (const resource of ['service', 'node']) {
      if (answer.status !== 200 || !isDenied(answer.body, resource)) continue;
      const what = resource === 'service' ? `service "${service}"` : `node "${node}"`;
      throw new Error(`ACLs hide its instances: the token may not read the ${what}`);
    }
  }
}

/** Whether one of the decisions on a kind of resource is a refusal. Without ACLs there are no decisions. */
function isDenied(body: string, resource: string): boolean {
  let decisions: unknown;
  try {
    decisions = JSON.parse(body);
  } catch {
    return false;
  }
  if (!Array.isArray(decisions)) return false;
  return (decisions as { Resource?: unknown; Allow?: unknown }[]).some(
    (decision) => decision?.Resource === resource && decision.Allow === false,
  );
}

function healthPath(question: ConsulQuestion, index: bigint, wait: number): string {
  const { service, tags, datacenter, near, filter, namespace, partition, health, consistency } = question;
  const parameters = new URLSearchParams();
  if (health === 'passing') parameters.set('passing', '1');
  for (const tag of tags) parameters.append('tag', tag);
  set(parameters, 'dc', datacenter);
  set(parameters, 'near', near);
  set(parameters, 'filter', filter);
  set(parameters, 'ns', namespace);
  set(parameters, 'partition', partition);
  if (consistency !== 'default') parameters.set(consistency, '1');
  if (index > 0n) {
    parameters.set('index', String(index));
    parameters.set('wait', `${wait}ms`);
  }
  return `/v1/health/service/${service.split('/').map(encodeURIComponent).join('/')}?${parameters}`;
}

function set(parameters: URLSearchParams, name: string, value: string | null): void {
  if (value !== null) parameters.set(name, value);
}

/** The index of an answer; 1 when it says 0, which would mean "do not hold". */
function indexOf({ headers }: ConsulResponse): bigint {
  const text = headers['x-consul-index'];
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) throw notConsul('has no X-Consul-Index');
  const index = BigInt(text);
  return index > 0n ? index : 1n;
}
