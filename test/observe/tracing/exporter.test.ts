import test, { type ExecutionContext } from 'ava';
import type { TraceRecord } from '../../../src/model/observation.ts';
import { SpanExporter } from '../../../src/observe/tracing/exporter.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { startOtlpReceiver } from '../../support/otlp_receiver.ts';
import { requestRecord } from '../../support/request_record.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const TIME = 1_700_000_000_000;

function trace(changes: Partial<TraceRecord> = {}): TraceRecord {
  const attempt = { version: 'v1', start: TIME + 1, end: TIME + 3 };
  return {
    request: requestRecord({ time: TIME, duration: 5.5, grpcStatus: 0 }),
    traceId: TRACE,
    spanId: 'a'.repeat(16),
    parentId: 'b'.repeat(16),
    state: 'x=y',
    attempts: [
      { ...attempt, spanId: 'c'.repeat(16), instance: '10.0.0.1:50051', result: 'reset' },
      { ...attempt, spanId: 'd'.repeat(16), instance: '[::1]:50052', result: 'ok' },
    ],
    ...changes,
  };
}

function exporter(otlp: string) {
  const clock = manualClock();
  const told = { exported: 0, dropped: 0, failed: [] as string[], recovered: 0 };
  const spans = new SpanExporter({
    otlp,
    serviceName: 'shop',
    version: '1.2.3',
    clock,
    exported: (count) => {
      told.exported += count;
    },
    dropped: (count) => {
      told.dropped += count;
    },
    failed: (reason) => told.failed.push(reason),
    recovered: () => told.recovered++,
  });
  return { clock, told, spans };
}

async function exported(t: ExecutionContext, record: TraceRecord) {
  const receiver = await startOtlpReceiver(t);
  const { clock, told, spans } = exporter(receiver.url);
  spans.add(record);
  clock.advance(1_000);
  await eventually(() => receiver.spans.length > 0);
  await spans.close();
  return { receiver, told, spans: receiver.spans };
}

test('a collector gets a span for the request and one below it for each attempt', async (t) => {
  const { receiver, told, spans } = await exported(t, trace());
  t.deepEqual(receiver.paths, ['/v1/traces']);
  t.is(told.exported, 3);
  const [request, first, second] = spans;
  t.like(request, {
    name: 'book.Book/Get',
    kind: 3, // CLIENT in OTLP
    traceId: TRACE,
    spanId: 'a'.repeat(16),
    parentSpanId: 'b'.repeat(16),
    traceState: 'x=y',
    serviceName: 'shop',
    startTimeUnixNano: `${TIME}000000`,
    endTimeUnixNano: `${TIME + 5}500000`,
  });
  t.like(request?.attributes, {
    'rpc.system': 'grpc',
    'rpc.grpc.status_code': 0,
    'outrigger.service': 'book',
    'server.address': '10.0.0.1',
    'server.port': 50_051,
  });
  t.is(request?.status.code ?? 0, 0);
  t.like(first, { parentSpanId: 'a'.repeat(16), spanId: 'c'.repeat(16), status: { code: 2 } });
  t.like(first?.attributes, { 'outrigger.result': 'reset', 'error.type': 'reset', 'server.port': 50_051 });
  t.like(second, { parentSpanId: 'a'.repeat(16), spanId: 'd'.repeat(16) });
  t.like(second?.attributes, { 'http.request.resend_count': 1, 'server.address': '::1', 'server.port': 50_052 });
});

test('a request that begins a trace has no parent, and one that failed says why', async (t) => {
  const request = requestRecord({ status: 503, grpcStatus: null, reason: 'no_healthy', instance: null });
  const { spans } = await exported(t, trace({ request, parentId: null, state: null, attempts: [] }));
  t.like(spans[0], { name: 'POST', status: { code: 2 } });
  t.falsy(spans[0]?.parentSpanId);
  t.like(spans[0]?.attributes, { 'error.type': 'no_healthy', 'http.response.status_code': 503 });
});

test('a collector that does not take spans is told of once; spans are counted as lost, and it is used again when it is back', async (t) => {
  const receiver = await startOtlpReceiver(t);
  receiver.status = 400;
  const { clock, told, spans } = exporter(`${receiver.url}/`);
  for (let i = 1; i <= 2; i++) {
    spans.add(trace());
    clock.advance(1_000);
    await eventually(() => told.dropped === 3 * i);
  }
  t.is(told.failed.length, 1);
  receiver.status = 200;
  spans.add(trace());
  clock.advance(1_000);
  await eventually(() => told.exported === 3);
  t.is(told.recovered, 1);
  await spans.close();
});

test('spans that have no room are counted as lost, and the end does not wait for a collector that is silent', async (t) => {
  const receiver = await startOtlpReceiver(t);
  receiver.status = null;
  const { told, spans } = exporter(receiver.url);
  for (let i = 0; i < 2_000; i++) spans.add(trace());
  t.true(told.dropped > 0);
  await spans.close();
  t.is(told.exported, 0);
});
