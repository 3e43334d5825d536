import { shown, usableAddress } from './address.ts';
import { isMisplaced, isOfAnotherService, keyUnder } from './key.ts';
import { labelsFor } from './labels.ts';
import {
  isObject,
  NOBODY,
  oneInstance,
  problem,
  type RawRecord,
  type RecordFormat,
  type RecordWriter,
  textOf,
} from './record.ts';

const EXPECTED = '{"name":"book","endpoints":["grpc://host:port"]}';

/** The schemes of kratos' own transports; the one with TLS is taken when there is no other. */
const SCHEMES = { h2: ['grpc', 'grpcs'], 'http/1.1': ['http', 'https'] } as const;

/**
 * `{"id","name","version","metadata":{},"endpoints":["grpc://127.0.0.1:9000?isSecure=false"]}` at `/microservices/<name>/<id>`:
 * go-kratos/kratos `contrib/registry/etcd`. Of the endpoints the one of the protocol asked for is taken. As kratos' own reader
 * does, the name is compared again, since the prefix of `foo` also finds `foobar`. Its balancers read `weight` from the metadata.
 */
export const kratos: RecordFormat = {
  name: 'kratos',
  namespace: '/microservices/',
  fits: ({ fields }) => fields !== null && 'endpoints' in fields && !('nodes' in fields || 'node' in fields),
  decode(record) {
    const { id, value, fields } = record;
    if (fields === null) return problem(`is no kratos record: expected ${EXPECTED}, found ${shown(value)}`);
    const name = textOf(fields.name);
    if (isOfAnotherService(record, name)) return NOBODY;
    if (isMisplaced(record, name)) return problem(`names another service than its key: found ${shown(fields.name)}`);
    const address = endpointOf(record);
    if (address === null) {
      const [scheme] = SCHEMES[record.protocol];
      return problem(`has no usable ${scheme} endpoint: expected ${EXPECTED}, found ${shown(fields.endpoints)}`);
    }
    const metadata = isObject(fields.metadata) ? fields.metadata : {};
    const { weight, zone } = metadata;
    return oneInstance({ id, address, version: textOf(fields.version), weight, zone, metadata });
  },
};

function endpointOf({ fields, protocol }: RawRecord): string | null {
  const endpoints = Array.isArray(fields?.endpoints) ? fields.endpoints : [];
  for (const scheme of SCHEMES[protocol]) {
    for (const endpoint of endpoints) {
      const match = typeof endpoint === 'string' ? /^([a-z]+):\/\/([^/?#]+)/.exec(endpoint.trim()) : null;
      const address = match?.[1] === scheme ? usableAddress(match[2]) : null;
      if (address !== null) return address;
    }
  }
  return null;
}

/** Key and value as kratos writes them. A service that is reached with gRPC: that is what other kratos services look for. */
export const encodeKratos: RecordWriter = (registrant) => {
  const { service, id, address, version, path } = registrant;
  const metadata = labelsFor(registrant, 'weight', 'zone');
  const endpoints = [`grpc://${address}?isSecure=false`];
  return {
    key: keyUnder(path, id),
    value: JSON.stringify({ id, name: service, version: version ?? '', metadata, endpoints }),
  };
};
