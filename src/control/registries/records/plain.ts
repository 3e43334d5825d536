import { shown, usableAddress } from './address.ts';
import { keyUnder } from './key.ts';
import { oneInstance, problem, type RecordFormat, type RecordWriter } from './record.ts';

/**
 * The value is the address itself: `host:port` or `http://host:port`.
 * Written by go-kit `sd/etcdv3`, go-zero, and the many registrars that descend from grpclb. It has no version.
 */
export const plain: RecordFormat = {
  name: 'plain',
  fits: (record) => record.fields === null && usableAddress(record.value) !== null,
  decode(record) {
    const address = usableAddress(record.value);
    if (address === null) return problem(`has no address: expected host:port, found ${shown(record.value)}`);
    return oneInstance({ id: record.id, address });
  },
};

/** Key and value as go-kit's registrar writes them: the address, and nothing else, for which there is no place. */
export const encodePlain: RecordWriter = ({ id, address, path }) => ({ key: keyUnder(path, id), value: address });
