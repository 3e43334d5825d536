import type { Instance } from '../../../model/instance.ts';
import { shown, usableAddress } from '../records/address.ts';
import { decodeRecord } from '../records/formats.ts';
import { type Decoded, isObject, oneInstance, problem, type RecordFormat, textOf } from '../records/record.ts';
import type { BadRecord, RegistryAnswer } from '../registry.ts';
import type { FileEntry } from './parse.ts';

/** The set that the entries of one service make; of two with the same address the later one counts. */
export function answerOf(entries: readonly FileEntry[], format: RecordFormat): RegistryAnswer {
  const byAddress = new Map<string, Instance>();
  const bad: BadRecord[] = [];
  for (const entry of entries) {
    const decoded = decodeEntry(entry, format);
    if (decoded.kind === 'problem') bad.push({ key: entry.where, problem: decoded.problem });
    if (decoded.kind !== 'instances') continue;
    for (const instance of decoded.instances) byAddress.set(instance.address, instance);
  }
  return { instances: [...byAddress.values()], bad };
}

/** `{ address, ... }` or an address; anything else is a registry's record, so that what etcd holds can be pasted in. */
function decodeEntry({ value, where }: FileEntry, format: RecordFormat): Decoded {
  const fields = typeof value === 'string' ? { address: value } : value;
  if (!isObject(fields))
    return problem(`is no instance: expected an address or { address: host:port }, found ${shown(value)}`);
  if (!('address' in fields)) return decodeRecord(format, where, JSON.stringify(fields), '');
  const address = usableAddress(fields.address);
  if (address === null) return problem(`has no usable address: expected host:port, found ${shown(fields.address)}`);
  const { id, version, weight, zone, metadata } = fields as Partial<Record<string, unknown>>;
  return oneInstance({ id: textOf(id) ?? address, address, version: textOf(version), weight, zone, metadata });
}
