import type { AttemptSpan, RequestRecord, TraceRecord } from '../../model/observation.ts';

/** One span before the library's types are known: times in epoch milliseconds. */
export interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly state: string | null;
  readonly start: number;
  readonly end: number;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string | number>>;
}

/** The spans of a traced request: its own, and one below it for each attempt. https://opentelemetry.io/docs/specs/semconv/http/http-spans/ */
export function spansOf({ request, traceId, spanId, parentId, state, attempts }: TraceRecord): Span[] {
  const own: Span = {
    name: nameOf(request),
    traceId,
    spanId,
    parentId,
    state,
    start: request.time,
    end: request.time + request.duration,
    failed: request.reason !== null || request.status >= 500 || isError(request.grpcStatus),
    attributes: requestAttributes(request),
  };
  return [
    own,
    ...attempts.map((attempt, index) => ({
      name: `${own.name} (attempt ${index + 1})`,
      traceId,
      spanId: attempt.spanId,
      parentId: spanId,
      state,
      start: attempt.start,
      end: attempt.end,
      failed: attempt.result !== 'ok' && attempt.result !== 'canceled',
      attributes: attemptAttributes(attempt, index),
    })),
  ];
}

/** Of gRPC the full method; of other requests the HTTP method alone, as paths have no bound. */
function nameOf({ grpcStatus, path, method }: RequestRecord): string {
  return grpcStatus === null ? method : path.slice(1);
}

/** The codes that are errors to a client's span: all but OK. */
function isError(grpcStatus: number | null): boolean {
  return grpcStatus !== null && grpcStatus !== 0;
}

function requestAttributes(request: RequestRecord): Record<string, string | number> {
  const attributes: Record<string, string | number> = {
    'http.request.method': request.method,
    'url.path': request.path,
    'http.response.status_code': request.status,
    'http.request.body.size': request.bytesIn,
    'http.response.body.size': request.bytesOut,
    'outrigger.service': request.service,
    'outrigger.attempts': request.attempts,
  };
  if (request.grpcStatus !== null) {
    attributes['rpc.system'] = 'grpc';
    attributes['rpc.grpc.status_code'] = request.grpcStatus;
  }
  if (request.instance !== null) Object.assign(attributes, serverOf(request.instance));
  if (request.version !== null) attributes['outrigger.version'] = request.version;
  if (request.reason !== null) {
    attributes['outrigger.reason'] = request.reason;
    attributes['error.type'] = request.reason;
  }
  if (request.client !== null) attributes['client.address'] = request.client;
  return attributes;
}

function attemptAttributes({ instance, version, result }: AttemptSpan, index: number): Record<string, string | number> {
  const attributes: Record<string, string | number> = { ...serverOf(instance), 'outrigger.result': result };
  if (index > 0) attributes['http.request.resend_count'] = index;
  if (version !== null) attributes['outrigger.version'] = version;
  if (result !== 'ok') attributes['error.type'] = result;
  return attributes;
}

function serverOf(instance: string): Record<string, string | number> {
  const match = /^\[?([^\]]*?)\]?:(\d+)$/.exec(instance);
  if (match === null || instance.startsWith('unix:')) return { 'server.address': instance };
  return { 'server.address': match[1] as string, 'server.port': Number(match[2]) };
}
