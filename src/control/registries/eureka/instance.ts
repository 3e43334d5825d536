import type { EurekaOptions } from '../../../config/registry_options.ts';
import { joinedAddress, shown } from '../records/address.ts';
import {
  type Decoded,
  isObject,
  NOBODY,
  oneInstance,
  problem,
  type RecordProtocol,
  textOf,
} from '../records/record.ts';
import type { EurekaInstance } from './applications.ts';

/** Where gRPC servers registered by Spring say their port, since `port` is that of HTTP/1 (grpc-spring, spring-cloud). */
const GRPC_PORTS = ['gRPC_port', 'gRPC.port', 'grpc.port', 'grpc_port'] as const;

/**
 * What an instance says, by the fields of `InstanceInfo`: only those with the status UP are there for others.
 * https://github.com/Netflix/eureka/wiki/Eureka-REST-operations
 */
export function decodeInstance(
  instance: EurekaInstance,
  options: Pick<EurekaOptions, 'address' | 'port'>,
  protocol: RecordProtocol,
): Decoded {
  if (instance.status !== 'UP') return NOBODY;
  const { fields } = instance;
  const metadata = withoutClass(fields.metadata);
  const port = portOf(fields, metadata, options.port, protocol);
  if (port === null) {
    const found = shown({ port: fields.port, securePort: fields.securePort });
    return problem(`has no ${options.port === 'auto' ? 'enabled' : options.port} port, found ${found}`);
  }
  const { hostName, ipAddr } = fields;
  const hosts = options.address === 'host' ? [hostName, ipAddr] : [ipAddr, hostName];
  const address = hosts.map((host) => joinedAddress(host, port)).find((found) => found !== null);
  if (address === undefined) return problem(`has no usable address: found ${shown({ hostName, ipAddr, port })}`);
  return oneInstance({
    id: instance.id,
    address,
    version: textOf(metadata.version),
    weight: metadata.weight,
    zone: textOf(metadata.zone) ?? availabilityZone(fields.dataCenterInfo),
    metadata,
  });
}

function portOf(
  fields: EurekaInstance['fields'],
  metadata: Readonly<Record<string, unknown>>,
  which: EurekaOptions['port'],
  protocol: RecordProtocol,
): string | null {
  const plain = portNumber(fields.port);
  const secure = portNumber(fields.securePort);
  if (which === 'plain') return plain;
  if (which === 'secure') return secure;
  if (protocol === 'h2') {
    const named = GRPC_PORTS.map((key) => textOf(metadata[key])).find(
      (port) => port !== null && /^[1-9]\d*$/.test(port),
    );
    if (named != null) return named;
  }
  if (enabled(fields.port) && plain !== null) return plain;
  return enabled(fields.securePort) ? secure : null;
}

/** `{"$": 8080, "@enabled": "true"}`; a bare number counts as enabled. */
function portNumber(port: unknown): string | null {
  const number = textOf(isObject(port) ? port.$ : port);
  return number !== null && /^[1-9]\d*$/.test(number) ? number : null;
}

function enabled(port: unknown): boolean {
  return isObject(port) ? String(port['@enabled']) === 'true' : port !== undefined;
}

/** Java writes the class of a map into it. */
function withoutClass(metadata: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(metadata)) return {};
  const { '@class': _class, ...labels } = metadata;
  return labels;
}

function availabilityZone(dataCenter: unknown): string | null {
  if (!isObject(dataCenter) || !isObject(dataCenter.metadata)) return null;
  return textOf(dataCenter.metadata['availability-zone']);
}
