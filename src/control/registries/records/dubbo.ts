import { hostAndPort, joinedAddress, shown } from './address.ts';
import { decodeDubboKey, isDubboKey } from './dubbo_url.ts';
import { isOfAnotherService, keyUnder } from './key.ts';
import { labelsFor } from './labels.ts';
import {
  isObject,
  NOBODY,
  numberOf,
  oneInstance,
  problem,
  type RawRecord,
  type RecordFormat,
  type RecordWriter,
  textOf,
} from './record.ts';

/** What dubbo-go takes for an instance without a weight (`constant.DefaultWeight`). */
const DEFAULT_WEIGHT = 100;

/** Protocols of dubbo whose port can be spoken to, best first; `tri` is gRPC. */
const PROTOCOLS: Readonly<Record<RawRecord['protocol'], readonly string[]>> = {
  h2: ['tri', 'grpc'],
  'http/1.1': ['rest', 'http'],
};

/**
 * apache/dubbo-go in both of its forms. Application: `{"ID","ServiceName","Host","Port","Weight","Enable","Healthy","Metadata","Tag"}` at
 * `/services/<application>/<host>:<port>` (`registry/etcdv3/service_discovery.go`). Interface: a URL in the key, and no value
 * (`registry/etcdv3/registry.go`). `Tag` acts as the version; an instance that is not enabled, or not healthy, is none.
 */
export const dubbo: RecordFormat = {
  name: 'dubbo',
  fits(record) {
    const { fields } = record;
    if (fields === null) return isDubboKey(record);
    return 'ServiceName' in fields || ('Host' in fields && 'Port' in fields);
  },
  decode(record) {
    const { id, value, fields } = record;
    if (fields === null) {
      if (isDubboKey(record) || value.trim() === '') return decodeDubboKey(record, DEFAULT_WEIGHT);
      return problem(`is no dubbo record: expected {"Host":"10.0.0.5","Port":20000}, found ${shown(value)}`);
    }
    if (fields.Enable === false || fields.Healthy === false) return NOBODY;
    if (isOfAnotherService(record, textOf(fields.ServiceName))) return NOBODY;
    const metadata = isObject(fields.Metadata) ? fields.Metadata : {};
    const address = joinedAddress(fields.Host, portOf(record, metadata) ?? fields.Port);
    if (address === null) {
      const found = shown({ Host: fields.Host, Port: fields.Port });
      return problem(`has no usable Host and Port: expected {"Host":"10.0.0.5","Port":20000}, found ${found}`);
    }
    const weight = numberOf(fields.Weight) ?? 0;
    return oneInstance({
      id,
      address,
      version: textOf(fields.Tag),
      weight: weight > 0 ? weight : DEFAULT_WEIGHT,
      zone: metadata.zone,
      metadata,
    });
  },
};

/** An application with several protocols lists their ports in its metadata, as text: `[{"port":20000,"protocol":"tri"}]`. */
function portOf({ protocol }: RawRecord, metadata: Readonly<Record<string, unknown>>): number | null {
  const text = metadata['dubbo.endpoints'];
  if (typeof text !== 'string') return null;
  let endpoints: unknown;
  try {
    endpoints = JSON.parse(text);
  } catch {
    return null;
  }
  const listed = Array.isArray(endpoints) ? endpoints.filter(isObject) : [];
  for (const wanted of PROTOCOLS[protocol]) {
    const found = listed.find((endpoint) => endpoint.protocol === wanted);
    if (found !== undefined) return numberOf(found.port);
  }
  return null;
}

/** Key and value as dubbo-go's service discovery writes them (application form). A weight there is a whole number from 1. */
export const encodeDubbo: RecordWriter = (registrant) => {
  const { service, address, version, weight, path } = registrant;
  const { host, port } = hostAndPort(address, 'dubbo');
  const record = {
    ID: address,
    ServiceName: service,
    Host: host,
    Port: port,
    Weight: Math.max(1, Math.round(weight)),
    Enable: true,
    Healthy: true,
    Metadata: labelsFor(registrant, 'zone'),
    ServiceMetadata: null,
    Address: address,
    GroupName: '',
    Tag: version ?? '',
  };
  return { key: keyUnder(path, address), value: JSON.stringify(record) };
};
