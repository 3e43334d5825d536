import { isIPv6 } from 'node:net';
import { parseAddress } from '../../../model/instance.ts';
import { shown } from '../records/address.ts';
import { isObject, textOf } from '../records/record.ts';
import type { BadRecord } from '../registry.ts';

/** An EndpointSlice, cut down to what is needed. */
export interface Slice {
  /** `namespace/name` */
  readonly key: string;
  readonly service: string;
  readonly version: string | null;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
  readonly bad: readonly BadRecord[];
}

export interface SlicePort {
  readonly name: string;
  readonly number: number;
  readonly appProtocol: string | null;
}

export interface SliceEndpoint {
  /** An IP address or a host name; IPv6 in brackets. */
  readonly host: string;
  readonly family: 'IPv4' | 'IPv6' | 'FQDN';
  /** Takes requests; true when nothing else is said. */
  readonly ready: boolean;
  /** Goes away, but still answers. */
  readonly leaving: boolean;
  readonly zone: string | null;
  /** The same for all endpoints of one pod: it has one in each address family. */
  readonly identity: string;
  /** The pod's name, or the address. */
  readonly id: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** `namespace/name` and the version of an EndpointSlice; null for what is none. */
export function headOf(object: unknown): { readonly key: string; readonly resourceVersion: string | null } | null {
  const metadata = isObject(object) && isObject(object.metadata) ? object.metadata : {};
  const { name, namespace, resourceVersion } = metadata;
  if (typeof name !== 'string' || name === '') return null;
  return {
    key: `${textOf(namespace) ?? ''}/${name}`,
    resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : null,
  };
}

/**
 * Takes an EndpointSlice apart; null when it belongs to no service. Never throws: what cannot be read is in `bad`.
 * https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
 */
export function readSlice(object: unknown, versionLabel: string): Slice | null {
  const head = headOf(object);
  if (head === null || !isObject(object) || !isObject(object.metadata)) return null;
  const labels = isObject(object.metadata.labels) ? object.metadata.labels : {};
  const service = textOf(labels['kubernetes.io/service-name']);
  if (service === null) return null;
  const family = familyOf(object.addressType);
  const namespace = head.key.slice(0, head.key.indexOf('/'));
  const bad: BadRecord[] = [];
  const endpoints: SliceEndpoint[] = [];
  for (const [at, endpoint] of listOf(object.endpoints).entries()) {
    const found = readEndpoint(endpoint, family, { namespace, service });
    if (typeof found === 'string') bad.push({ key: `${head.key} endpoints[${at}]`, problem: found });
    else endpoints.push(found);
  }
  const ports = listOf(object.ports).flatMap(readPort);
  return { key: head.key, service, version: textOf(labels[versionLabel]), ports, endpoints, bad };
}

function readEndpoint(
  endpoint: unknown,
  family: SliceEndpoint['family'],
  labels: Readonly<Record<string, string>>,
): SliceEndpoint | string {
  if (!isObject(endpoint)) return `is no endpoint: found ${shown(endpoint)}`;
  // "No semantics are defined for additional addresses beyond the first."
  const [address] = listOf(endpoint.addresses);
  const host = typeof address === 'string' && isIPv6(address) ? `[${address}]` : address;
  if (typeof host !== 'string' || parseAddress(`${host}:1`) === null)
    return `has no usable address: found ${shown(address)}`;
  const { ready, serving, terminating } = isObject(endpoint.conditions) ? endpoint.conditions : {};
  const pod = isObject(endpoint.targetRef) && endpoint.targetRef.kind === 'Pod' ? endpoint.targetRef : {};
  const name = textOf(pod.name);
  const node = textOf(endpoint.nodeName);
  return {
    host,
    family,
    // Null means unknown: ready then counts as true, and serving as ready.
    ready: ready !== false,
    leaving: terminating === true && (serving ?? ready) !== false,
    zone: textOf(endpoint.zone),
    identity: textOf(pod.uid) ?? host,
    id: name ?? host,
    metadata: { ...labels, ...(name === null ? {} : { pod: name }), ...(node === null ? {} : { node }) },
  };
}

/** Only TCP can carry HTTP; a port without a number stands for all of them, which is none that could be dialed. */
function readPort(port: unknown): SlicePort[] {
  if (!isObject(port) || typeof port.port !== 'number' || (port.protocol ?? 'TCP') !== 'TCP') return [];
  return [{ name: textOf(port.name) ?? '', number: port.port, appProtocol: textOf(port.appProtocol) }];
}

function familyOf(addressType: unknown): SliceEndpoint['family'] {
  return addressType === 'IPv6' || addressType === 'FQDN' ? addressType : 'IPv4';
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
