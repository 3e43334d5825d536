import type { RequestRecord } from '../model/observation.ts';

/** A request as JSON tells it: in the access log, and to those who tap. The names are a promise to scripts. */
export interface RequestJson {
  readonly time: string;
  readonly service: string;
  readonly instance: string | null;
  readonly version: string | null;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly grpc_status: number | null;
  readonly reason: string | null;
  readonly attempts: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  /** Milliseconds: in all, the instance's part, and the rest. */
  readonly duration_ms: number;
  readonly upstream_ms: number;
  readonly own_ms: number;
  readonly client: string | null;
  readonly trace_id: string | null;
  readonly span_id: string | null;
}

export function requestJson(record: RequestRecord): RequestJson {
  const { service, instance, version, method, path, status, reason, attempts, duration, upstream, client } = record;
  return {
    time: new Date(record.time).toISOString(),
    service: fromOctets(service),
    instance,
    version,
    method: fromOctets(method),
    path: fromOctets(path),
    status,
    grpc_status: record.grpcStatus,
    reason,
    attempts,
    bytes_in: record.bytesIn,
    bytes_out: record.bytesOut,
    duration_ms: millis(duration),
    upstream_ms: millis(upstream),
    own_ms: millis(Math.max(0, duration - upstream)),
    client,
    trace_id: record.traceId,
    span_id: record.spanId,
  };
}

/** `2026-01-02T03:04:05.678Z book v1 127.0.0.1:50051 POST /book.Book/Get 200/0 1.24ms upstream=1.13ms own=0.11ms ...`, with a line feed. */
function requestText(record: RequestRecord): string {
  const { time, service, instance, version, method, path, status, grpcStatus, reason, attempts } = record;
  const own = millis(Math.max(0, record.duration - record.upstream));
  const words = [
    new Date(time).toISOString(),
    word(service),
    word(version),
    word(instance),
    word(method),
    word(path),
    grpcStatus === null ? String(status) : `${status}/${grpcStatus}`,
    `${millis(record.duration)}ms`,
    `upstream=${millis(record.upstream)}ms`,
    `own=${own}ms`,
    `in=${record.bytesIn}`,
    `out=${record.bytesOut}`,
  ];
  if (attempts !== 1) words.push(`attempts=${attempts}`);
  if (reason !== null) words.push(`reason=${reason}`);
  if (record.client !== null) words.push(`client=${word(record.client)}`);
  if (record.traceId !== null) words.push(`trace=${record.traceId}`);
  return `${words.join(' ')}\n`;
}

export function requestLine(record: RequestRecord, format: 'json' | 'text'): string {
  return format === 'text' ? requestText(record) : `${JSON.stringify(requestJson(record))}\n`;
}

/** Headers are octets, held as latin1; what is UTF-8 is shown as such. */
function fromOctets(text: string): string {
  return /[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
}

/** One word, and nothing that a terminal obeys; a missing one is a dash. */
function word(text: string | null): string {
  if (text === null || text === '') return '-';
  return fromOctets(text).replaceAll(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

/** To the microsecond. */
function millis(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
