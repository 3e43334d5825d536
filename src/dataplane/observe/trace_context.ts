import { HeaderList } from '../../http2/hpack/header_list.ts';

/** The trace that a request says it is part of. */
export interface TraceContext {
  /** 32 hexadecimal digits, in lower case. */
  readonly traceId: string;
  /** The caller's span: 16 hexadecimal digits. */
  readonly parentId: string;
  /** What was decided before; null: nothing yet, as B3 may leave it open. */
  readonly sampled: boolean | null;
  /** It was said in `traceparent`, of which these are the flags: two hexadecimal digits. Null: in B3. */
  readonly flags: string | null;
}

const TRACEPARENT = 'traceparent';
/** https://www.w3.org/TR/trace-context/#traceparent-header; later versions may add fields. */
const W3C = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** https://github.com/openzipkin/b3-propagation#single-header */
const B3_SINGLE = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d]))?(?:-[0-9a-f]{16})?$/i;
const B3_TRACE = /^([0-9a-f]{16}|[0-9a-f]{32})$/i;
const B3_SPAN = /^[0-9a-f]{16}$/i;
/** The bit of the flags that says that the caller records. */
const SAMPLED = 1;

/** Reads `traceparent`, else the headers of B3; null when there are none that are right. */
export function traceContextOf(list: HeaderList): TraceContext | null {
  let b3: string | null = null;
  let trace: string | null = null;
  let span: string | null = null;
  let sampled: string | null = null;
  const { fields } = list;
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1] as string;
    switch (fields[i] as string) {
      case TRACEPARENT: {
        const context = parseTraceparent(value);
        if (context !== null) return context;
        break;
      }
      case 'b3':
        b3 = value;
        break;
      case 'x-b3-traceid':
        trace = value;
        break;
      case 'x-b3-spanid':
        span = value;
        break;
      case 'x-b3-sampled':
        sampled = value;
        break;
      case 'x-b3-flags':
        // Debug implies that it is recorded.
        if (value === '1') sampled = 'd';
        break;
    }
  }
  if (b3 !== null) return parseB3(b3);
  if (trace === null || span === null || !B3_TRACE.test(trace) || !B3_SPAN.test(span)) return null;
  return b3Context(trace, span, sampled);
}

function parseTraceparent(value: string): TraceContext | null {
  const match = W3C.exec(value);
  // Version 00 has exactly these fields.
  if (match === null || (match[1] === '00' && match[5] !== undefined)) return null;
  const flags = match[4] as string;
  const sampled = (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED;
  return { traceId: match[2] as string, parentId: match[3] as string, sampled, flags };
}

function parseB3(value: string): TraceContext | null {
  const match = B3_SINGLE.exec(value);
  return match === null ? null : b3Context(match[1] as string, match[2] as string, match[3] ?? null);
}

function b3Context(trace: string, span: string, sampled: string | null): TraceContext {
  const state = sampled === null ? null : sampled === '1' || sampled === 'd' || sampled === 'true';
  return { traceId: trace.toLowerCase().padStart(32, '0'), parentId: span.toLowerCase(), sampled: state, flags: null };
}

/** `list` with `traceparent` set to `value`, in its place or at the end. */
export function withTraceparent(list: HeaderList, value: string): HeaderList {
  const fields = list.fields.slice();
  let at = 0;
  while (at < fields.length && fields[at] !== TRACEPARENT) at += 2;
  fields[at] = TRACEPARENT;
  fields[at + 1] = value;
  return new HeaderList(fields, list.neverIndexed);
}

/** `digits` random hexadecimal digits (a multiple of 8), never all zero. */
export function randomId(digits: number, random: () => number): string {
  let id = '';
  while (id.length < digits) {
    const part = Math.floor(random() * 2 ** 32);
    id += part.toString(16).padStart(8, '0');
  }
  return /^0+$/.test(id) ? `${id.slice(1)}1` : id;
}
