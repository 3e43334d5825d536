import type { StatusFilter, TapFilter } from '../model/observation.ts';
import { RefusedRequest } from './router.ts';

/** https://grpc.io/docs/guides/status-codes/, by code. */
const GRPC_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

const KEYS = ['service', 'version', 'instance', 'method', 'status'] as const;

/** What `/tap?service=&version=&status=&instance=&method=` asks for. Throws a RefusedRequest for what it cannot. */
export function tapFilterOf(query: URLSearchParams): TapFilter {
  const stray = [...query.keys()].find((key) => !(KEYS as readonly string[]).includes(key));
  if (stray !== undefined) refuse(`there is no filter ${JSON.stringify(stray)}`);
  const status = query.get('status') || null;
  return {
    service: query.get('service') || null,
    version: query.get('version') || null,
    instance: query.get('instance') || null,
    method: query.get('method') || null,
    status: status === null ? null : statusFilter(status),
  };
}

/** What is wrong with a `status` that was asked for; null when nothing is. */
export function statusProblem(text: string | undefined): string | null {
  return text === undefined || text === '' || parsedStatus(text) !== null
    ? null
    : `status ${JSON.stringify(text)} is none`;
}

function statusFilter(text: string): StatusFilter {
  return parsedStatus(text) ?? refuse(`status ${JSON.stringify(text)} is none`);
}

function parsedStatus(text: string): StatusFilter | null {
  if (/^[1-5]\d\d$/.test(text)) return { kind: 'http', value: Number(text) };
  if (/^[1-5]xx$/i.test(text)) return { kind: 'class', value: Number(text[0]) };
  if (/^\d{1,2}$/.test(text) && Number(text) < GRPC_NAMES.length) return { kind: 'grpc', value: Number(text) };
  if (text === 'errors') return { kind: 'errors' };
  const code = GRPC_NAMES.indexOf(text.toUpperCase());
  return code === -1 ? null : { kind: 'grpc', value: code };
}

function refuse(message: string): never {
  const hint =
    'for example /tap?service=book&version=v2&instance=10.0.0.1:50051&method=/book.Book/Get&status=errors; a status is 503, 5xx, a gRPC code ' +
    '(14 or UNAVAILABLE) or errors';
  throw new RefusedRequest(400, { error: 'bad_request', message, hint });
}
