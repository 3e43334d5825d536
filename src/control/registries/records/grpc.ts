import { shown, usableAddress } from './address.ts';
import { keyUnder } from './key.ts';
import { labelsFor } from './labels.ts';
import { isObject, NOBODY, oneInstance, problem, type RecordFormat, type RecordWriter, textOf } from './record.ts';

/** `Op` of a record that takes its address out. */
const DELETE = 1;

/**
 * `{"Op":0,"Addr":"1.2.3.4:80","Metadata":<any JSON>}`: etcd's `client/v3/naming/endpoints`, and gRPC's old `naming.Update`.
 * The version is `Metadata.version`, or `Metadata` itself when it is a string.
 */
export const grpc: RecordFormat = {
  name: 'grpc',
  fits: ({ fields }) => fields !== null && ('Addr' in fields || 'Op' in fields),
  decode({ id, value, fields }) {
    if (fields === null)
      return problem(`is no grpc record: expected {"Op":0,"Addr":"host:port"}, found ${shown(value)}`);
    const op = fields.Op ?? 0;
    if (op === DELETE) return NOBODY;
    if (op !== 0) return problem(`has an unknown Op: expected 0 (add) or 1 (delete), found ${shown(op)}`);
    const address = usableAddress(fields.Addr);
    if (address === null) return problem(`has no usable Addr: expected host:port, found ${shown(fields.Addr)}`);
    const metadata = fields.Metadata;
    if (!isObject(metadata)) return oneInstance({ id, address, version: textOf(metadata) });
    const { version, weight, zone } = metadata;
    return oneInstance({ id, address, version: textOf(version), weight, zone, metadata });
  },
};

/** Key and value as etcd's `endpoints.Manager` writes them; version, weight and zone go into the metadata. */
export const encodeGrpc: RecordWriter = (registrant) => {
  const { address, path } = registrant;
  const labels = labelsFor(registrant, 'version', 'weight', 'zone');
  const Metadata = Object.keys(labels).length === 0 ? null : labels;
  return { key: keyUnder(path, address), value: JSON.stringify({ Op: 0, Addr: address, Metadata }) };
};
