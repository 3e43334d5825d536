import { hostAndPort, joinedAddress, shown } from './address.ts';
import { keyUnder } from './key.ts';
import { labelsFor } from './labels.ts';
import { isObject, oneInstance, problem, type RecordFormat, type RecordWriter, textOf } from './record.ts';

const EXPECTED = '{"host":"10.0.0.5","port":8080}';

/** `{"host","port","name","weight","labels":{}}` anywhere: airbnb/nerve `lib/nerve/reporter/base.rb`. Version and zone are labels. */
export const nerve: RecordFormat = {
  name: 'nerve',
  fits: ({ fields }) => fields !== null && 'host' in fields && 'port' in fields,
  decode({ id, value, fields }) {
    if (fields === null) return problem(`is no nerve record: expected ${EXPECTED}, found ${shown(value)}`);
    const address = joinedAddress(fields.host, fields.port);
    if (address === null) {
      const found = shown({ host: fields.host, port: fields.port });
      return problem(`has no usable host and port: expected ${EXPECTED}, found ${found}`);
    }
    const labels = isObject(fields.labels) ? fields.labels : {};
    return oneInstance({
      id,
      address,
      version: textOf(labels.version),
      weight: fields.weight,
      // `az` is what nerve's own examples call it.
      zone: textOf(labels.zone) ?? labels.az,
      metadata: labels,
    });
  },
};

/** Key and value as nerve writes them. A weight there is a whole number. */
export const encodeNerve: RecordWriter = (registrant) => {
  const { id, address, weight, path } = registrant;
  const { host, port } = hostAndPort(address, 'nerve');
  const labels = labelsFor(registrant, 'version', 'zone');
  return {
    key: keyUnder(path, id),
    value: JSON.stringify({ host, port, name: id, weight: Math.round(weight), labels }),
  };
};
