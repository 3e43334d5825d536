import type { Instance } from '../../../model/instance.ts';
import { shown, usableAddress } from './address.ts';
import { isOfAnotherService, keyUnder } from './key.ts';
import { labelsFor } from './labels.ts';
import {
  instanceOf,
  isObject,
  NOBODY,
  numberOf,
  problem,
  type RecordFormat,
  type RecordWriter,
  textOf,
} from './record.ts';

const EXPECTED = '{"name":"book","nodes":[{"id":"book-1","address":"host:port"}]}';

/**
 * `{"name","version","metadata","endpoints":[],"nodes":[{"metadata","id","address"}]}` at `/micro/registry/<service>/<node id>`, where
 * each `/` of a name is a `-`: micro/go-micro `registry/etcd`. Releases before 1.8 wrote the port beside the address.
 */
export const goMicro: RecordFormat = {
  name: 'go-micro',
  namespace: '/micro/registry/',
  fits: ({ fields }) => fields !== null && 'nodes' in fields,
  decode(record) {
    const { id, value, fields } = record;
    if (fields === null) return problem(`is no go-micro record: expected ${EXPECTED}, found ${shown(value)}`);
    if (isOfAnotherService(record, textOf(fields.name)?.replaceAll('/', '-') ?? null)) return NOBODY;
    const nodes = Array.isArray(fields.nodes) ? fields.nodes : [];
    if (nodes.length === 0) return problem(`has no nodes: expected ${EXPECTED}, found ${shown(fields.nodes)}`);
    const instances: Instance[] = [];
    for (const node of nodes) {
      const found = isObject(node) ? node : {};
      const address = nodeAddress(found);
      if (address === null)
        return problem(`has a node without a usable address: expected host:port, found ${shown(node)}`);
      const metadata = { ...labels(fields.metadata), ...labels(found.metadata) };
      const { weight, zone } = metadata;
      const own = nodes.length === 1 ? id : (textOf(found.id) ?? id);
      instances.push(instanceOf({ id: own, address, version: textOf(fields.version), weight, zone, metadata }));
    }
    return { kind: 'instances', instances };
  },
};

function labels(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function nodeAddress(node: Readonly<Record<string, unknown>>): string | null {
  const address = usableAddress(node.address);
  const port = numberOf(node.port);
  if (address !== null || port === null) return address;
  return usableAddress(`${textOf(node.address) ?? ''}:${port}`);
}

/** Key and value as go-micro writes them. */
export const encodeGoMicro: RecordWriter = (registrant) => {
  const { service, id, address, version, path } = registrant;
  const nodes = [{ id, address, metadata: labelsFor(registrant, 'weight', 'zone') }];
  return {
    key: keyUnder(path, id.replaceAll('/', '-')),
    value: JSON.stringify({ name: service, version: version ?? '', metadata: {}, endpoints: [], nodes }),
  };
};
