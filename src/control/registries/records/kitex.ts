import { parseAddress } from '../../../model/instance.ts';
import { shown, usableAddress } from './address.ts';
import { keyUnder } from './key.ts';
import { labelsFor } from './labels.ts';
import { isObject, numberOf, oneInstance, problem, type RecordFormat, type RecordWriter, textOf } from './record.ts';

/** What kitex takes for a record without a weight (`defaultWeight` of its resolver). */
const DEFAULT_WEIGHT = 10;

/**
 * `{"network","address","weight","tags":{}}` at `kitex/registry-etcd/<service>/<address>`, without a slash in front:
 * kitex-contrib/registry-etcd. Version and zone are tags.
 */
export const kitex: RecordFormat = {
  name: 'kitex',
  namespace: 'kitex/registry-etcd/',
  fits: ({ fields }) => fields !== null && 'network' in fields && 'address' in fields,
  decode({ id, value, fields }) {
    if (fields === null) {
      return problem(`is no kitex record: expected {"network":"tcp","address":"host:port"}, found ${shown(value)}`);
    }
    const isSocket = fields.network === 'unix' && typeof fields.address === 'string';
    const address = usableAddress(isSocket ? `unix:${fields.address}` : fields.address);
    if (address === null) return problem(`has no usable address: expected host:port, found ${shown(fields.address)}`);
    const tags = isObject(fields.tags) ? fields.tags : {};
    const weight = numberOf(fields.weight) ?? 0;
    return oneInstance({
      id,
      address,
      version: textOf(tags.version),
      weight: weight > 0 ? weight : DEFAULT_WEIGHT,
      zone: tags.zone,
      metadata: tags,
    });
  },
};

/** Key and value as kitex writes them. A weight there is a whole number from 1. */
export const encodeKitex: RecordWriter = (registrant) => {
  const { address, weight, path } = registrant;
  const target = parseAddress(address);
  const isSocket = target !== null && 'path' in target;
  const place = isSocket ? target.path : address;
  const tags = labelsFor(registrant, 'version', 'zone');
  return {
    key: keyUnder(path, place),
    value: JSON.stringify({
      network: isSocket ? 'unix' : 'tcp',
      address: place,
      weight: Math.max(1, Math.round(weight)),
      tags,
    }),
  };
};
