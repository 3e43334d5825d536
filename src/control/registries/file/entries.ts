import type { Instance } from '../../../model/instance.ts';
import { shown, usableAddress } from '../records/address.ts';
import { type ReadRecord, readRecord } from '../records/formats.ts';
import { isObject, oneInstance, problem, type RecordFormat, type RecordProtocol, textOf } from '../records/record.ts';
import type { BadRecord, RegistryAnswer, SeenRecord } from '../registry.ts';
import type { FileEntry } from './parse.ts';

/** What the form of the file's own entries is called where formats are shown. */
const OWN_FORM = 'file';

/** The set that the entries of one service make; of two with the same address the later one counts. */
export function answerOf(
  entries: readonly FileEntry[],
  format: RecordFormat,
  protocol: RecordProtocol = 'h2',
): RegistryAnswer {
  const byAddress = new Map<string, Instance>();
  const bad: BadRecord[] = [];
  for (const entry of entries) {
    const { decoded } = decodeEntry(entry, format, protocol);
    const problem = problemOf(decoded);
    if (problem !== null) bad.push({ key: entry.where, problem });
    if (decoded.kind !== 'instances') continue;
    for (const instance of decoded.instances) byAddress.set(instance.address, instance);
  }
  const records = () => entries.map((entry) => seen(entry, decodeEntry(entry, format, protocol)));
  return { instances: [...byAddress.values()], bad, records };
}

function seen({ where }: FileEntry, { decoded, format }: ReadRecord): SeenRecord {
  const instances = decoded.kind === 'instances' ? decoded.instances : [];
  return { key: where, format, instances, problem: problemOf(decoded) };
}

function problemOf(decoded: ReadRecord['decoded']): string | null {
  return decoded.kind === 'nobody' ? null : (decoded.problem ?? null);
}

/** `{ address, ... }` or an address; anything else is a registry's record, so that what etcd holds can be pasted in. */
function decodeEntry({ value, where }: FileEntry, format: RecordFormat, protocol: RecordProtocol): ReadRecord {
  const fields = typeof value === 'string' ? { address: value } : value;
  if (!isObject(fields)) {
    const text = `is no instance: expected an address or { address: host:port }, found ${shown(value)}`;
    return { decoded: problem(text), format: null };
  }
  // kitex's record has an address, too.
  if (!('address' in fields) || 'network' in fields)
    return readRecord(format, where, JSON.stringify(fields), '', protocol);
  const address = usableAddress(fields.address);
  if (address === null) {
    const text = `has no usable address: expected host:port, found ${shown(fields.address)}`;
    return { decoded: problem(text), format: OWN_FORM };
  }
  const { id, version, weight, zone, metadata } = fields as Partial<Record<string, unknown>>;
  const found = { id: textOf(id) ?? address, address, version: textOf(version), weight, zone, metadata };
  return { decoded: oneInstance(found), format: OWN_FORM };
}
