import type { Instance } from '../../model/instance.ts';
import { parseAddress } from '../../model/instance.ts';

/** What a stored set is the answer to. */
export interface SetKey {
  /** The name of the registry in the config. */
  readonly registry: string;
  readonly path: string;
  readonly format: string;
}

/** The last good answer to a query. */
export interface StoredSet {
  readonly instances: readonly Instance[];
  /** When the registry last confirmed it, in epoch milliseconds. */
  readonly confirmedAt: number;
}

/** The form of the files; one with another number is left alone. */
const VERSION = 1;

interface Header {
  readonly outrigger_last_good: number;
  readonly registry: string;
  readonly path: string;
  readonly format: string;
  readonly confirmed_at: string;
  /** SHA-256 of the second line, in hex. */
  readonly sha256: string;
}

/** Two lines of JSON: what it is, then the instances. A file that was cut off lacks what the checksum of the first is of. */
export function encodeSet(key: SetKey, { instances, confirmedAt }: StoredSet): string {
  const body = JSON.stringify(instances);
  const header: Header = {
    outrigger_last_good: VERSION,
    registry: key.registry,
    path: key.path,
    format: key.format,
    confirmed_at: new Date(confirmedAt).toISOString(),
    sha256: sha256(body),
  };
  return `${JSON.stringify(header)}\n${body}\n`;
}

/** Reads what `encodeSet` wrote; a text says why it cannot be used, and completes the sentence "the file ...". */
export function decodeSet(key: SetKey, text: string): StoredSet | string {
  const [first = '', body = ''] = text.split('\n', 2);
  try {
    const header = JSON.parse(first) as Partial<Header>;
    if (header?.outrigger_last_good === undefined) return 'is none of Outrigger';
    if (header.outrigger_last_good !== VERSION)
      return `has version ${header.outrigger_last_good}, and this is ${VERSION}`;
    if (header.registry !== key.registry || header.path !== key.path || header.format !== key.format)
      return `is of ${header.path} in registry "${header.registry}"`;
    if (header.sha256 !== sha256(body)) return 'is damaged or cut off: its checksum is wrong';
    const confirmedAt = Date.parse(header.confirmed_at ?? '');
    const instances: unknown = JSON.parse(body);
    if (!Number.isFinite(confirmedAt) || !Array.isArray(instances) || !instances.every(isInstance))
      return 'holds no instances';
    return { instances, confirmedAt };
  } catch {
    return 'is none of Outrigger';
  }
}

/** The name of the file for a key: no character of a path can lead it elsewhere. */
export function fileName({ registry, path, format }: SetKey): string {
  return `${sha256(JSON.stringify([registry, path, format])).slice(0, 32)}.json`;
}

function sha256(text: string): string {
  // Costs memory, and only those who keep sets need it.
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex');
}

function isInstance(value: unknown): value is Instance {
  if (typeof value !== 'object' || value === null) return false;
  const { id, address, version, weight, zone, metadata } = value as Partial<Instance>;
  return (
    typeof id === 'string' &&
    typeof address === 'string' &&
    parseAddress(address) !== null &&
    (version === null || typeof version === 'string') &&
    typeof weight === 'number' &&
    (zone === null || typeof zone === 'string') &&
    typeof metadata === 'object' &&
    metadata !== null
  );
}
