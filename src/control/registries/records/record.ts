import type { Instance, MethodSwitches } from '../../../model/instance.ts';
import type { Protocol } from '../../../model/service.ts';
import { shown } from './address.ts';

/** What the instances of a query must speak: a record with several endpoints gives the one that does. */
export type RecordProtocol = Protocol;

/** A record as a registry stores it, taken apart as far as every format needs it. */
export interface RawRecord {
  readonly key: string;
  /** The last part of the key: the registry's own name for the instance. */
  readonly id: string;
  /** The prefix that was asked for; empty where records have no keys. */
  readonly prefix: string;
  readonly value: string;
  /** The value when it is a JSON object, else null. */
  readonly fields: Readonly<Record<string, unknown>> | null;
  readonly protocol: RecordProtocol;
}

/**
 * What a record says: who is there; that nobody is (a registered instance that is switched off); or nothing that can be
 * understood. `problem` completes the sentence "the record at <key> ..."; instances may come with one as well, that cost only a part of
 * what the record says.
 */
export type Decoded =
  | { readonly kind: 'instances'; readonly instances: readonly Instance[]; readonly problem?: string }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'problem'; readonly problem: string };

/** One way to write an instance down. All functions are pure; those that read throw for no input. */
export interface RecordFormat {
  /** The name in the config. */
  readonly name: string;
  /** Whether the record has this format's shape, so that `auto` may leave it to this format alone. */
  fits(record: RawRecord): boolean;
  /** Where its library writes: a JSON object below it that has the shape of no format is of this one all the same. */
  readonly namespace?: string;
  decode(record: RawRecord): Decoded;
}

/** An instance that is to be written down. */
export interface Registrant {
  /** The name of the service. */
  readonly service: string;
  /** The instance's own name, unique in the service. */
  readonly id: string;
  /** `host:port` or `[v6]:port`. */
  readonly address: string;
  readonly version: string | null;
  /** At least 0. */
  readonly weight: number;
  readonly zone: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** The prefix under which readers look. */
  readonly path: string;
}

/** A record as it goes into the registry. */
export interface WrittenRecord {
  readonly key: string;
  readonly value: string;
}

/**
 * Writes an instance as the library that the format comes from would, so that its readers find it. Pure. Throws an
 * OutriggerError `record_unwritable` when the format has no place for the address.
 */
export type RecordWriter = (registrant: Registrant) => WrittenRecord;

export const NOBODY: Decoded = { kind: 'nobody' };

export function problem(text: string): Decoded {
  return { kind: 'problem', problem: text };
}

/** The parts of an instance that a format found; what is missing takes the model's defaults. */
export interface FoundInstance {
  readonly id: string;
  readonly address: string;
  readonly version?: string | null;
  readonly weight?: unknown;
  readonly zone?: unknown;
  readonly metadata?: unknown;
  readonly methods?: MethodSwitches | null;
}

export function oneInstance(found: FoundInstance): Decoded {
  const decoded: Decoded = { kind: 'instances', instances: [instanceOf(found)] };
  if (isWeight(found.weight)) return decoded;
  return { ...decoded, problem: `has a weight that is no number from 0: found ${shown(found.weight)}; it counts as 1` };
}

export function instanceOf(found: FoundInstance): Instance {
  const { id, address, version = null, weight, zone, metadata, methods = null } = found;
  const instance = {
    id,
    address,
    version,
    weight: weightOf(weight),
    zone: textOf(zone),
    metadata: labelsOf(metadata),
  };
  return methods === null ? instance : { ...instance, methods };
}

/** Text or a number as text; null for anything else and for empty text. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

/** A number, also as text; null for anything else. */
export function numberOf(value: unknown): number | null {
  const text = textOf(value);
  const number = text === null ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : null;
}

/** There is none, or one that can be used. */
function isWeight(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  const weight = numberOf(value);
  return weight !== null && weight >= 0;
}

/** A weight that nobody can use must not cost the instance: it counts as 1. */
function weightOf(value: unknown): number {
  const weight = numberOf(value);
  return weight !== null && weight >= 0 ? weight : 1;
}

/** Labels are strings: numbers and booleans become text, everything deeper is left out. */
function labelsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return {};
  const labels: [string, string][] = [];
  for (const [name, label] of Object.entries(value)) {
    if (typeof label === 'string') labels.push([name, label]);
    else if (typeof label === 'number' || typeof label === 'boolean') labels.push([name, String(label)]);
  }
  return Object.fromEntries(labels);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
