import type { MethodSwitches } from '../../../model/instance.ts';
import { shown, usableAddress } from './address.ts';
import { keyUnder, withoutSlash } from './key.ts';
import {
  isObject,
  NOBODY,
  numberOf,
  oneInstance,
  problem,
  type RawRecord,
  type RecordFormat,
  type RecordWriter,
  type Registrant,
  textOf,
} from './record.ts';

/** What the registering library itself writes when nobody set a version. */
const DEFAULT_VERSION = 'latest';

/**
 * `{"node":{"name","path","id","version","address"},"metadata":{},"endpoints":{}}` at `/a/b/svc/svc-<uuid>` for the service `a.b.svc`, as
 * hwholiday/learning_tools `etcd/register` writes it. `node.online: false` takes the instance out without taking the record
 * away; `endpoints` does that for a single method, or limits its rate. `weight` and `zone` may stand in `node`.
 */
export const hwholiday: RecordFormat = {
  name: 'hwholiday',
  fits: (record) => hasNode(record) && !hasWeight(record),
  decode: (record) => decodeNode(record, 'hwholiday'),
};

/** Our own: hwholiday's record with `weight` and `zone` beside `node`, so that clients written for that record can read it. */
export const outrigger: RecordFormat = {
  name: 'outrigger',
  fits: (record) => hasNode(record) && hasWeight(record),
  decode: (record) => decodeNode(record, 'outrigger'),
};

function hasNode({ fields }: RawRecord): boolean {
  return fields !== null && 'node' in fields;
}

function hasWeight({ fields }: RawRecord): boolean {
  return fields !== null && 'weight' in fields;
}

function decodeNode({ id, value, fields }: RawRecord, format: string) {
  const node = fields?.node;
  if (fields === null || !isObject(node)) {
    return problem(`is no ${format} record: expected {"node":{"address":"host:port"}}, found ${shown(value)}`);
  }
  if (node.online === false) return NOBODY;
  const address = usableAddress(node.address);
  if (address === null) return problem(`has no usable node.address: expected host:port, found ${shown(node.address)}`);
  return oneInstance({
    id,
    address,
    version: textOf(node.version) ?? DEFAULT_VERSION,
    weight: fields.weight ?? node.weight,
    zone: fields.zone ?? node.zone,
    metadata: fields.metadata,
    methods: methodsOf(fields.endpoints),
  });
}

/** What is no switch, or says nothing, switches nothing: a method is online and without a limit unless it says otherwise. */
function methodsOf(endpoints: unknown): MethodSwitches | null {
  if (!isObject(endpoints)) return null;
  const switches = Object.entries(endpoints).flatMap(([method, entry]) => {
    if (!isObject(entry)) return [];
    const limit = numberOf(entry.limiting);
    const limited = entry.limiting_switch === true && limit !== null && limit >= 0;
    return [[method, { online: entry.online !== false, limit: limited ? limit : null }] as const];
  });
  return switches.length === 0 ? null : Object.fromEntries(switches);
}

function nodeOf({ id, address, version, path }: Registrant) {
  const place = withoutSlash(path);
  const name = place.slice(place.lastIndexOf('/') + 1);
  return { name, path: place, id, version: version ?? DEFAULT_VERSION, address };
}

/** Key and value as the library writes them; it has no weight and no zone: they stand in `node`, which its readers do not mind. */
export const encodeHwholiday: RecordWriter = (registrant) => {
  const { id, weight, zone, metadata, path } = registrant;
  const node = { ...nodeOf(registrant), ...(weight === 1 ? {} : { weight }), ...(zone === null ? {} : { zone }) };
  return { key: keyUnder(path, id), value: JSON.stringify({ node, metadata, endpoints: {} }) };
};

/** Key and value of our own record. */
export const encodeOutrigger: RecordWriter = (registrant) => {
  const { id, weight, zone, metadata, path } = registrant;
  return {
    key: keyUnder(path, id),
    value: JSON.stringify({ node: nodeOf(registrant), metadata, endpoints: {}, weight, zone }),
  };
};
