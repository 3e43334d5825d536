import type { Instance } from '../../../model/instance.ts';

/** A record as a registry stores it, taken apart as far as every format needs it. */
export interface RawRecord {
  readonly key: string;
  /** The last part of the key: the registry's own name for the instance. */
  readonly id: string;
  /** The prefix that was asked for. */
  readonly prefix: string;
  readonly value: string;
  /** The value when it is a JSON object, else null. */
  readonly fields: Readonly<Record<string, unknown>> | null;
}

/**
 * What a record says: who is there; that nobody is (a registered instance that is switched off); or nothing that can be
 * understood. `problem` completes the sentence "the record at <key> ...".
 */
export type Decoded =
  | { readonly kind: 'instances'; readonly instances: readonly Instance[] }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'problem'; readonly problem: string };

/** One way to write an instance down. Both functions are pure and throw for no input. */
export interface RecordFormat {
  /** The name in the config. */
  readonly name: string;
  /** Whether the record has this format's shape, so that `auto` may leave it to this format alone. */
  fits(record: RawRecord): boolean;
  decode(record: RawRecord): Decoded;
}

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
}

export function oneInstance(found: FoundInstance): Decoded {
  const { id, address, version = null, weight, zone, metadata } = found;
  return {
    kind: 'instances',
    instances: [{ id, address, version, weight: weightOf(weight), zone: textOf(zone), metadata: labelsOf(metadata) }],
  };
}

/** Text or a number as text; null for anything else and for empty text. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

/** A weight that nobody can use must not cost the instance: it counts as 1. */
function weightOf(value: unknown): number {
  const text = textOf(value);
  const weight = text === null ? Number.NaN : Number(text);
  return Number.isFinite(weight) && weight >= 0 ? weight : 1;
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
