import { describeError } from '../../../base/errors.ts';
import { shown } from './address.ts';
import { grpc } from './grpc.ts';
import { hwholiday } from './hwholiday.ts';
import { plain } from './plain.ts';
import { type Decoded, isObject, problem, type RawRecord, type RecordFormat } from './record.ts';

/** Every format, in the order in which `auto` asks them; the shapes exclude each other, so the order only saves time. */
const FORMATS: readonly RecordFormat[] = [hwholiday, grpc, plain];

/** Each record is read by the format whose shape it has, so formats may be mixed under one prefix. */
const auto: RecordFormat = {
  name: 'auto',
  fits: (record) => FORMATS.some((format) => format.fits(record)),
  decode(record) {
    const format = FORMATS.find((candidate) => candidate.fits(record));
    if (format !== undefined) return format.decode(record);
    return problem(`fits no format (${FORMATS.map(({ name }) => name).join(', ')}): found ${shown(record.value)}`);
  },
};

/** The values of `format:` in the config. */
export const FORMAT_NAMES: readonly string[] = [auto, ...FORMATS].map(({ name }) => name);

/** The format of that name, or null. */
export function findFormat(name: string): RecordFormat | null {
  return [auto, ...FORMATS].find((format) => format.name === name) ?? null;
}

/** A record describes one process; what is longer than this is something else and not worth parsing. In UTF-16 units. */
const MAX_RECORD_LENGTH = 65_536;

/** Reads one record of a registry; a value that cannot be read is a `problem`, never an exception. */
export function decodeRecord(format: RecordFormat, key: string, value: string, prefix: string): Decoded {
  if (value.length > MAX_RECORD_LENGTH)
    return problem(`is too long: ${value.length} characters, at most ${MAX_RECORD_LENGTH}`);
  const id = key.slice(key.lastIndexOf('/') + 1);
  const record: RawRecord = { key, id, prefix, value, fields: jsonObject(value) };
  try {
    return format.decode(record);
  } catch (error) {
    return problem(`cannot be read as ${format.name}: ${describeError(error)}`);
  }
}

function jsonObject(value: string): Readonly<Record<string, unknown>> | null {
  if (!value.trimStart().startsWith('{')) return null;
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}
