/*
 * Load reports of instances, sent with an answer (gRFC A51; xds.data.orca.v3.OrcaLoadReport): in protobuf under
 * `endpoint-load-metrics-bin`, or as text or JSON under `endpoint-load-metrics`, as Envoy reads it.
 */

/** The fields of a report that weights are made of; 0 where it says nothing. */
export interface LoadReport {
  /** Requests per second. */
  readonly qps: number;
  /** Errors per second. */
  readonly eps: number;
  /** How busy the instance is, 1 being all that it can do: what the application says, else the CPU. */
  readonly utilization: number;
}

/** Longer ones are not read: a report is a few numbers. In characters. */
const LONGEST = 8_192;

interface Fields {
  cpu: number;
  application: number;
  rps: number;
  fractional: number;
  eps: number;
}

/** Field numbers of `OrcaLoadReport`. */
const FIELDS: ReadonlyMap<number, keyof Fields> = new Map([
  [1, 'cpu'],
  [3, 'rps'],
  [6, 'fractional'],
  [7, 'eps'],
  [9, 'application'],
]);

/** The same by name, as text and JSON have them (the latter also in camel case, as protobuf's JSON does). */
const NAMES: ReadonlyMap<string, keyof Fields> = new Map([
  ['cpu_utilization', 'cpu'],
  ['cpuUtilization', 'cpu'],
  ['application_utilization', 'application'],
  ['applicationUtilization', 'application'],
  ['rps', 'rps'],
  ['rps_fractional', 'fractional'],
  ['rpsFractional', 'fractional'],
  ['eps', 'eps'],
]);

/** A report in protobuf, base64 as gRPC has it in headers; null when it is none. */
export function parseBinaryReport(value: string): LoadReport | null {
  if (value.length > LONGEST) return null;
  const bytes = Buffer.from(value, 'base64');
  const fields = nothing();
  for (let at = 0; at < bytes.length; ) {
    const tag = varint(bytes, at);
    if (tag === null) return null;
    at = tag.next;
    const name = FIELDS.get(Math.floor(tag.value / 8));
    switch (tag.value % 8) {
      case 0: {
        const number = varint(bytes, at);
        if (number === null) return null;
        at = number.next;
        if (name !== undefined) fields[name] = number.value;
        break;
      }
      case 1:
        if (at + 8 > bytes.length) return null;
        if (name !== undefined) fields[name] = bytes.readDoubleLE(at);
        at += 8;
        break;
      case 2: {
        // Costs and named metrics: nothing for a weight.
        const length = varint(bytes, at);
        if (length === null) return null;
        at = length.next + length.value;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        return null;
    }
    if (at > bytes.length) return null;
  }
  return reportOf(fields);
}

/** A report as `TEXT a=1, b=2`, `JSON {...}` or `BIN <base64>`; null when it is none. */
export function parseTextReport(value: string): LoadReport | null {
  if (value.length > LONGEST) return null;
  const space = value.indexOf(' ');
  const rest = value.slice(space + 1).trim();
  switch (value.slice(0, Math.max(0, space))) {
    case 'TEXT':
      return parsePairs(rest);
    case 'JSON':
      return parseJson(rest);
    case 'BIN':
      return parseBinaryReport(rest);
    default:
      return null;
  }
}

/**
 * gRFC A58: qps / (utilization + eps / qps * penalty), with a penalty of 1. 0, which stands for no weight, when the report does not say
 * how busy the instance is or what it serves.
 */
export function weightOf({ qps, eps, utilization }: LoadReport): number {
  if (!(qps > 0) || !(utilization > 0)) return 0;
  const weight = qps / (utilization + eps / qps);
  return Number.isFinite(weight) ? weight : 0;
}

function nothing(): Fields {
  return { cpu: 0, application: 0, rps: 0, fractional: 0, eps: 0 };
}

/** Null when a number is none that a report can have. */
function reportOf({ cpu, application, rps, fractional, eps }: Fields): LoadReport | null {
  const report = {
    qps: fractional > 0 ? fractional : rps,
    eps,
    utilization: application > 0 ? application : cpu,
  };
  return Object.values(report).every((number) => Number.isFinite(number) && number >= 0) ? report : null;
}

function parsePairs(text: string): LoadReport | null {
  const fields = nothing();
  for (const pair of text.split(',')) {
    const [key = '', number = ''] = pair.split('=');
    const name = NAMES.get(key.trim());
    if (name === undefined) continue;
    if (number.trim() === '') return null;
    fields[name] = Number(number);
  }
  return reportOf(fields);
}

function parseJson(text: string): LoadReport | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof json !== 'object' || json === null) return null;
  const fields = nothing();
  for (const [key, number] of Object.entries(json)) {
    const name = NAMES.get(key);
    if (name !== undefined) fields[name] = Number(number);
  }
  return reportOf(fields);
}

/** A base-128 varint of up to 64 bits, exact up to 2^53; null when it is cut off or too long. */
function varint(bytes: Buffer, from: number): { readonly value: number; readonly next: number } | null {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[from + i];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: from + i + 1 };
  }
  return null;
}
