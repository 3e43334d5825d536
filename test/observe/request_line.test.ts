import test from 'ava';
import { requestLine } from '../../src/observe/request_line.ts';
import { requestRecord } from '../support/request_record.ts';

test('as JSON a request is one line with all that became of it', (t) => {
  const line = requestLine(requestRecord({ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) }), 'json');
  t.true(line.endsWith('}\n'));
  t.deepEqual(JSON.parse(line), {
    time: '2026-01-02T03:04:05.678Z',
    service: 'book',
    instance: '10.0.0.1:50051',
    version: 'v1',
    method: 'POST',
    path: '/book.Book/Get',
    status: 200,
    grpc_status: 0,
    reason: null,
    attempts: 1,
    bytes_in: 12,
    bytes_out: 30,
    duration_ms: 1.25,
    upstream_ms: 1,
    own_ms: 0.25,
    client: '127.0.0.1',
    trace_id: 'ab'.repeat(16),
    span_id: 'cd'.repeat(8),
  });
});

test('as text it is a line of words, with dashes for what is missing', (t) => {
  t.is(
    requestLine(requestRecord(), 'text'),
    '2026-01-02T03:04:05.678Z book v1 10.0.0.1:50051 POST /book.Book/Get 200/0 1.25ms upstream=1ms own=0.25ms in=12 out=30 client=127.0.0.1\n',
  );
  const unrouted = { service: '', instance: null, version: null, status: 404, grpcStatus: null, reason: 'no_route' };
  t.is(
    requestLine(requestRecord({ ...unrouted, attempts: 0, client: null, duration: 0, upstream: 0 }), 'text'),
    '2026-01-02T03:04:05.678Z - - - POST /book.Book/Get 404 0ms upstream=0ms own=0ms in=12 out=30 attempts=0 reason=no_route\n',
  );
});

test('what a client chose cannot forge a line, steer a terminal or break the encoding', (t) => {
  const path = '/a\n2026 forged\u001b[31m\u009b \u00c3\u00a9';
  const text = requestLine(requestRecord({ path }), 'text');
  t.is(text.split('\n').length, 2);
  for (const control of ['\u001b', '\u009b']) t.false(text.includes(control));
  t.true(text.includes('POST /a?2026?forged?[31m'));
  t.is(JSON.parse(requestLine(requestRecord({ path: '/\u00c3\u00a9' }), 'json')).path, '/é');
});
