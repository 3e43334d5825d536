import { describeError } from '../../../base/errors.ts';
import { shown } from './address.ts';
import { dubbo, encodeDubbo } from './dubbo.ts';
import { encodeGoMicro, goMicro } from './go_micro.ts';
import { encodeGrpc, grpc } from './grpc.ts';
import { encodeHwholiday, encodeOutrigger, hwholiday, outrigger } from './hwholiday.ts';
import { encodeKitex, kitex } from './kitex.ts';
import { encodeKratos, kratos } from './kratos.ts';
import { encodeNerve, nerve } from './nerve.ts';
import { encodePlain, plain } from './plain.ts';
import {
  type Decoded,
  isObject,
  problem,
  type RawRecord,
  type RecordFormat,
  type RecordProtocol,
  type RecordWriter,
} from './record.ts';

/** Every format, in the order in which `auto` asks them; the shapes exclude each other, so the order only saves time. */
const FORMATS: readonly RecordFormat[] = [outrigger, hwholiday, grpc, plain, kratos, goMicro, kitex, dubbo, nerve];

/** Each record is read by the format whose shape it has, so formats may be mixed under one prefix. */
const auto: RecordFormat = {
  name: 'auto',
  fits: (record) => chosenBy(record) !== null,
  decode(record) {
    const format = chosenBy(record);
    if (format !== null) return format.decode(record);
    return problem(`fits no format (${FORMATS.map(({ name }) => name).join(', ')}): found ${shown(record.value)}`);
  },
};

function chosenBy(record: RawRecord): RecordFormat | null {
  const byShape = FORMATS.find((format) => format.fits(record));
  if (byShape !== undefined || record.fields === null) return byShape ?? null;
  return FORMATS.find(({ namespace }) => namespace !== undefined && record.key.startsWith(namespace)) ?? null;
}

/** The values of `format:` in the config. */
export const FORMAT_NAMES: readonly string[] = [auto, ...FORMATS].map(({ name }) => name);

/** The formats that an instance can be registered in, by name. */
export const WRITERS: Readonly<Record<string, RecordWriter>> = {
  outrigger: encodeOutrigger,
  plain: encodePlain,
  grpc: encodeGrpc,
  hwholiday: encodeHwholiday,
  kratos: encodeKratos,
  'go-micro': encodeGoMicro,
  kitex: encodeKitex,
  dubbo: encodeDubbo,
  nerve: encodeNerve,
};

/** The format of that name, or null. */
export function findFormat(name: string): RecordFormat | null {
  return [auto, ...FORMATS].find((format) => format.name === name) ?? null;
}

/** A record describes one process; what is longer than this is something else and not worth parsing. In UTF-16 units. */
const MAX_RECORD_LENGTH = 65_536;

/** What a record says, and the name of the format that it was read as: `auto` chose one, or found none (null). */
export interface ReadRecord {
  readonly decoded: Decoded;
  readonly format: string | null;
}

/** Reads one record of a registry; a value that cannot be read is a `problem`, never an exception. */
export function readRecord(
  format: RecordFormat,
  key: string,
  value: string,
  prefix: string,
  protocol: RecordProtocol = 'h2',
): ReadRecord {
  if (value.length > MAX_RECORD_LENGTH) {
    const tooLong = problem(`is too long: ${value.length} characters, at most ${MAX_RECORD_LENGTH}`);
    return { decoded: tooLong, format: null };
  }
  const id = key.slice(key.lastIndexOf('/') + 1);
  const record: RawRecord = { key, id, prefix, value, fields: jsonObject(value), protocol };
  const chosen = format === auto ? chosenBy(record) : format;
  try {
    return { decoded: (chosen ?? format).decode(record), format: chosen?.name ?? null };
  } catch (error) {
    const decoded = problem(`cannot be read as ${format.name}: ${describeError(error)}`);
    return { decoded, format: chosen?.name ?? null };
  }
}

/** As `readRecord`, for those who need not know the format. */
export function decodeRecord(
  format: RecordFormat,
  key: string,
  value: string,
  prefix: string,
  protocol: RecordProtocol = 'h2',
): Decoded {
  return readRecord(format, key, value, prefix, protocol).decoded;
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
