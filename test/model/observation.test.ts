import test from 'ava';
import { NO_GRPC_STATUS } from '../../src/model/counters.ts';
import { endedBadly, matchesTap, type RequestRecord, type TapFilter } from '../../src/model/observation.ts';
import { BATCH_RECORDS, BatchWriter, readBatch } from '../../src/model/request_batch.ts';

const ANY: TapFilter = { service: null, version: null, instance: null, method: null, status: null };
const OUTCOME = {
  service: 'book',
  version: 'v2',
  instance: '10.0.0.1:50051',
  path: '/book.Book/Get',
  status: 200,
  grpcStatus: 14,
};

for (const [filter, expected] of [
  [{}, true],
  [{ service: 'book', version: 'v2', instance: '10.0.0.1:50051' }, true],
  [{ service: 'boo' }, false],
  [{ version: 'v1' }, false],
  [{ instance: '10.0.0.2:50051' }, false],
  [{ method: '/book.Book/Get' }, true],
  [{ method: '/book.Book/' }, true],
  [{ method: 'Get' }, true],
  [{ method: 'et' }, false],
  [{ method: '/book.Book/Ge' }, false],
  [{ status: { kind: 'http', value: 200 } }, true],
  [{ status: { kind: 'http', value: 503 } }, false],
  [{ status: { kind: 'class', value: 2 } }, true],
  [{ status: { kind: 'class', value: 5 } }, false],
  [{ status: { kind: 'grpc', value: 14 } }, true],
  [{ status: { kind: 'grpc', value: 0 } }, false],
  [{ status: { kind: 'errors' } }, true],
  [{ service: 'book', status: { kind: 'grpc', value: 0 } }, false],
] as const) {
  test(`the filter ${JSON.stringify(filter)} ${expected ? 'lets the request through' : 'keeps it out'}`, (t) => {
    t.is(matchesTap({ ...ANY, ...filter }, OUTCOME), expected);
  });
}

test('ended badly is what a client calls an error: HTTP 400 and above, no answer, a gRPC status that is not OK', (t) => {
  for (const [status, grpcStatus] of [
    [404, null],
    [499, NO_GRPC_STATUS],
    [0, null],
    [200, 5],
  ] as const)
    t.true(endedBadly(status, grpcStatus));
  for (const [status, grpcStatus] of [
    [200, null],
    [302, NO_GRPC_STATUS],
    [200, 0],
  ] as const)
    t.false(endedBadly(status, grpcStatus));
});

const record = (at: number): RequestRecord => ({
  time: 1_700_000_000_000.25 + at,
  service: at % 2 === 0 ? 'book' : '',
  instance: at % 3 === 0 ? null : `10.0.0.${at}:1`,
  version: at % 5 === 0 ? null : 'v1',
  method: 'POST',
  path: `/a/${at}`,
  status: at % 7 === 0 ? 0 : 200,
  grpcStatus: at % 4 === 0 ? null : at % 17,
  reason: at % 6 === 0 ? 'no_healthy' : null,
  attempts: at,
  bytesIn: 2 ** 40 + at,
  bytesOut: at,
  duration: at + 0.125,
  upstream: at / 2,
  traceId: at % 2 === 0 ? null : 'ab'.repeat(16),
  spanId: at % 2 === 0 ? null : 'cd'.repeat(8),
  client: at % 2 === 0 ? '127.0.0.1' : null,
  logged: at % 3 === 0,
});

test('a batch gives back each record as it was, also when its memory was handed to another thread', (t) => {
  const writer = new BatchWriter();
  for (let round = 0; round < 2; round++) {
    const records = Array.from({ length: BATCH_RECORDS }, (_, at) => record(at + round));
    for (const entry of records) {
      t.false(writer.full);
      writer.add(entry);
    }
    t.true(writer.full);
    const batch = writer.take();
    const crossed = structuredClone(batch, { transfer: [batch.numbers.buffer] });
    t.deepEqual([...readBatch(crossed)], records);
    t.is(writer.records, 0);
  }
});

test('a batch holds each text once', (t) => {
  const writer = new BatchWriter();
  for (let at = 0; at < 100; at++) writer.add({ ...record(1), path: '/same' });
  t.deepEqual(
    [...writer.take().texts].sort(),
    ['10.0.0.1:1', 'POST', '/same', 'v1', 'ab'.repeat(16), 'cd'.repeat(8), ''].sort(),
  );
});
