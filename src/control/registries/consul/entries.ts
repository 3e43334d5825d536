import type { ConsulHealth } from '../../../config/consul_path.ts';
import type { Instance } from '../../../model/instance.ts';
import { shown, usableAddress } from '../records/address.ts';
import { instanceOf, isObject, numberOf, type RecordProtocol, textOf } from '../records/record.ts';
import type { BadRecord, RegistryAnswer } from '../registry.ts';
import { notConsul } from './errors.ts';
import { consulVersion } from './version.ts';

type Fields = Readonly<Record<string, unknown>>;
type Status = 'passing' | 'warning' | 'critical';

/** What an answer of `/v1/health/service` says. */
export interface ConsulSet extends RegistryAnswer {
  /** A node that an instance runs on; null when there is none. */
  readonly node: string | null;
}

/** What is asked, as far as it says which instances of an answer count, and at which of their addresses. */
export interface ConsulChoice {
  readonly health: ConsulHealth;
  /** At most so many instances; null: all. */
  readonly limit: number | null;
  readonly protocol: RecordProtocol;
}

/** kratos registers a URL for each protocol it serves; the first of these is the one to use, and the address where there is none. */
const SCHEMES: Readonly<Record<RecordProtocol, readonly string[]>> = {
  h2: ['grpc', 'grpcs'],
  'http/1.1': ['http', 'https'],
};

/**
 * Reads an answer of `/v1/health/service`: https://developer.hashicorp.com/consul/api-docs/health#list-nodes-for-service.
 * An entry that cannot be read is a bad record. When two name one address, the one that was written last speaks for it: what a
 * crashed process left behind stands beside its successor until Consul reaps it.
 * @throws OutriggerError `consul_protocol` when it is no such answer
 */
export function readEntries(body: string, { health, limit, protocol }: ConsulChoice): ConsulSet {
  const newest = new Map<string, { readonly written: number; readonly instance: Instance }>();
  const bad: BadRecord[] = [];
  let node: string | null = null;
  for (const entry of parsed(body)) {
    const fields = objectOf(entry);
    const [service, host] = [objectOf(fields.Service), objectOf(fields.Node)];
    const status = worstOf(fields.Checks);
    if (!letsIn(health, status)) continue;
    const nodeName = textOf(host.Node);
    const id = textOf(service.ID) ?? '';
    const address = addressOf(service, host, SCHEMES[protocol]);
    if (address === null) {
      const found = shown({ address: service.Address || host.Address, port: service.Port });
      bad.push({ key: `${nodeName ?? '?'}/${id || '?'}`, problem: `has no usable address: found ${found}` });
      continue;
    }
    node ??= nodeName;
    const written = numberOf(service.ModifyIndex) ?? 0;
    const rival = newest.get(address);
    if (rival !== undefined && rival.written > written) continue;
    newest.set(address, { written, instance: toInstance(id, address, service, host, status) });
  }
  const instances = Array.from(newest.values(), ({ instance }) => instance);
  return { instances: limit === null ? instances : instances.slice(0, limit), bad, node };
}

/**
 * Reads an answer of `/v1/catalog/services`: the tags of each service, by its name.
 * @throws OutriggerError `consul_protocol` when it is no such answer
 */
export function readNames(body: string): readonly string[] {
  let services: unknown;
  try {
    services = JSON.parse(body);
  } catch {
    services = undefined;
  }
  if (!isObject(services)) throw notConsul(`is no list of services: found ${shown(body)}`);
  return Object.keys(services).sort();
}

function toInstance(id: string, address: string, service: Fields, host: Fields, status: Status): Instance {
  const meta = objectOf(service.Meta);
  const weights = objectOf(service.Weights);
  return instanceOf({
    id,
    address,
    version: consulVersion(meta, service.Tags),
    weight: status === 'warning' ? weights.Warning : weights.Passing,
    zone: textOf(meta.zone) ?? textOf(objectOf(service.Locality).Zone) ?? textOf(host.Datacenter),
    metadata: meta,
  });
}

function parsed(body: string): readonly unknown[] {
  let entries: unknown;
  try {
    entries = JSON.parse(body);
  } catch {
    throw notConsul(`is no JSON: found ${shown(body)}`);
  }
  // What a Go server writes for an empty list, before it has one.
  if (entries === null) return [];
  if (Array.isArray(entries)) return entries;
  throw notConsul(`is no list of instances: found ${shown(body)}`);
}

/** Consul's own order: one critical check makes the instance critical. Without checks it passes. */
function worstOf(checks: unknown): Status {
  let worst: Status = 'passing';
  for (const check of Array.isArray(checks) ? checks : []) {
    const { Status: status } = objectOf(check);
    if (status === 'warning') worst = 'warning';
    else if (status !== 'passing') return 'critical';
  }
  return worst;
}

function letsIn(health: ConsulHealth, status: Status): boolean {
  return health === 'any' || status === 'passing' || (health === 'warning' && status === 'warning');
}

function addressOf(service: Fields, host: Fields, schemes: readonly string[]): string | null {
  const tagged = objectOf(service.TaggedAddresses);
  for (const scheme of schemes) {
    if (!Object.hasOwn(tagged, scheme)) continue;
    const { Address, Port } = objectOf(tagged[scheme]);
    const written = textOf(Address);
    // kratos writes the whole endpoint there: grpc://127.0.0.1:9000?isSecure=false
    const url = written === null ? null : /^[a-z]+:\/\/([^/?#]+)/.exec(written);
    const address = url ? usableAddress(url[1]) : joined(written, Port);
    if (address !== null) return address;
  }
  return joined(textOf(service.Address) ?? textOf(host.Address), service.Port);
}

function joined(host: string | null, port: unknown): string | null {
  if (host === null) return null;
  return usableAddress(host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`);
}

function objectOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}
