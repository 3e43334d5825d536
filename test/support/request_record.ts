import type { RequestRecord } from '../../src/model/observation.ts';

/** A gRPC call that went well, but for what is given. */
export function requestRecord(changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    time: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    service: 'book',
    instance: '10.0.0.1:50051',
    version: 'v1',
    method: 'POST',
    path: '/book.Book/Get',
    status: 200,
    grpcStatus: 0,
    reason: null,
    attempts: 1,
    bytesIn: 12,
    bytesOut: 30,
    duration: 1.25,
    upstream: 1,
    traceId: null,
    spanId: null,
    client: '127.0.0.1',
    logged: true,
    ...changes,
  };
}
