import { shown, usableAddress } from './address.ts';
import { isObject, NOBODY, oneInstance, problem, type RecordFormat, textOf } from './record.ts';

/** What the registering library itself writes when nobody set a version. */
const DEFAULT_VERSION = 'latest';

/**
 * `{"node":{"name","path","id","version","address"},"metadata":{},"endpoints":{}}`, as hwholiday/learning_tools
 * `etcd/register` writes it. `node.online: false` takes the instance out without taking the record away. `weight` and `zone`
 * may stand beside `node` or in it.
 */
export const hwholiday: RecordFormat = {
  name: 'hwholiday',
  fits: ({ fields }) => fields !== null && 'node' in fields,
  decode({ id, value, fields }) {
    const node = fields?.node;
    if (fields === null || !isObject(node)) {
      return problem(`is no hwholiday record: expected {"node":{"address":"host:port"}}, found ${shown(value)}`);
    }
    if (node.online === false) return NOBODY;
    const address = usableAddress(node.address);
    if (address === null)
      return problem(`has no usable node.address: expected host:port, found ${shown(node.address)}`);
    return oneInstance({
      id,
      address,
      version: textOf(node.version) ?? DEFAULT_VERSION,
      weight: fields.weight ?? node.weight,
      zone: fields.zone ?? node.zone,
      metadata: fields.metadata,
    });
  },
};
