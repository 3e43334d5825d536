import { isObject, textOf } from '../records/record.ts';

/**
 * Opens the envelope of Curator's service discovery, which Spring Cloud Zookeeper and dubbo (application form) write:
 * `{"name","id","address","port","sslPort","payload":{"@class","metadata":{}},"registrationTimeUTC","serviceType"}`. What it
 * carries comes back as a dubbo record when dubbo wrote it, else in nerve's shape; any other value as it is; null for an
 * instance that is switched off.
 * https://github.com/apache/curator/blob/master/curator-x-discovery/src/main/java/org/apache/curator/x/discovery/ServiceInstance.java
 */
export function openEnvelope(value: string): string | null {
  if (!value.includes('"registrationTimeUTC"')) return value;
  const envelope = parsed(value);
  if (!isObject(envelope) || !('address' in envelope)) return value;
  const { name, address, port, sslPort, enabled, payload } = envelope;
  const metadata = isObject(payload) && isObject(payload.metadata) ? payload.metadata : {};
  if (enabled === false || (textOf(metadata.instance_status) ?? 'UP') !== 'UP') return null;
  if (isObject(payload) && String(payload['@class']).includes('dubbo')) {
    const record = { ServiceName: name, Host: address, Port: port, Enable: true, Healthy: true, Metadata: metadata };
    return JSON.stringify({ ...record, Tag: textOf(metadata['dubbo.tag']) ?? textOf(metadata.version) ?? '' });
  }
  // Spring registers the port of HTTP/1, and says that of gRPC in the metadata.
  const wanted = textOf(metadata.gRPC_port) ?? textOf(metadata['gRPC.port']) ?? port ?? sslPort;
  return JSON.stringify({ host: address, port: wanted, name, weight: metadata.weight, labels: metadata });
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}
