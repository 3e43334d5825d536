import type { KubernetesTarget } from '../../../config/kubernetes_path.ts';
import type { Instance } from '../../../model/instance.ts';
import type { BadRecord, RegistryAnswer } from '../registry.ts';
import type { Slice, SliceEndpoint, SlicePort } from './slice.ts';

interface Candidate {
  readonly endpoint: SliceEndpoint;
  readonly instance: Instance;
}

/**
 * The instances that the slices of one service make. Those that are ready; if there is none, those that are shutting down but
 * still answer, as kube-proxy does it, so that replacing the only pod of a service costs no request. An endpoint may stand in
 * two slices while it moves from one to the other, and a pod with addresses of both families in two of them: each counts once.
 */
export function answerOf(slices: Iterable<Slice>, target: KubernetesTarget): RegistryAnswer {
  const ready: Candidate[] = [];
  const leaving: Candidate[] = [];
  const bad: BadRecord[] = [];
  for (const slice of slices) {
    bad.push(...slice.bad);
    if (slice.endpoints.length === 0) continue;
    const port = choosePort(slice.ports, target.port);
    if (typeof port === 'string') {
      bad.push({ key: slice.key, problem: port });
      continue;
    }
    for (const endpoint of slice.endpoints) {
      const candidate = { endpoint, instance: instanceOf(endpoint, port, slice.version) };
      if (endpoint.ready) ready.push(candidate);
      else if (endpoint.leaving) leaving.push(candidate);
    }
  }
  return { instances: distinct(ready.length > 0 ? ready : leaving), bad };
}

/** Lower is better where one pod has several addresses. */
const PREFERENCE = { IPv4: 0, IPv6: 1, FQDN: 2 } as const;

function distinct(candidates: readonly Candidate[]): readonly Instance[] {
  const byPod = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const { identity, family } = candidate.endpoint;
    const known = byPod.get(identity);
    if (known === undefined || PREFERENCE[family] < PREFERENCE[known.endpoint.family]) byPod.set(identity, candidate);
  }
  const byAddress = new Map<string, Instance>();
  for (const { instance } of byPod.values()) byAddress.set(instance.address, instance);
  return [...byAddress.values()];
}

function instanceOf({ host, id, zone, metadata }: SliceEndpoint, port: number, version: string | null): Instance {
  return { id, address: `${host}:${port}`, version, weight: 1, zone, metadata };
}

/** What says of a port that it speaks HTTP/2 with prior knowledge, by convention (KEP-3726) or by Istio's naming of ports. */
const SPEAKS_H2 = /^(?:grpc|h2c|http2|kubernetes\.io\/h2c)(?:-|$)/;

function choosePort(ports: readonly SlicePort[], wanted: KubernetesTarget['port']): number | string {
  if (wanted !== null) {
    const found = ports.find(({ name, number }) => (typeof wanted === 'number' ? number : name) === wanted);
    return found?.number ?? `has no port ${wanted}${listed(ports)}`;
  }
  const candidates =
    ports.length <= 1
      ? ports
      : ports.filter((port) => SPEAKS_H2.test(port.appProtocol ?? '') || SPEAKS_H2.test(port.name));
  const [port] = candidates;
  if (port !== undefined && candidates.length === 1) return port.number;
  if (ports.length === 0) return 'has no TCP port';
  return `has several ports${listed(ports)}: add the one to use to the path, as in "book:grpc"`;
}

function listed(ports: readonly SlicePort[]): string {
  const names = ports.map(({ name, number }) => (name === '' ? String(number) : `${name} ${number}`));
  return names.length === 0 ? '' : ` (${names.join(', ')})`;
}
