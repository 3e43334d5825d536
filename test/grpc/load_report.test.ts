import test from 'ava';
import fc from 'fast-check';
import { parseBinaryReport, parseTextReport, weightOf } from '../../src/grpc/load_report.ts';
import { binaryReport as binary } from '../support/orca.ts';
import { holds } from '../support/wire_property.ts';

test('a report in protobuf is read as its library writes it', (t) => {
  const report = { cpuUtilization: 0.5, memUtilization: 0.9, rpsFractional: 120.5, eps: 3, namedMetrics: { queue: 7 } };
  t.deepEqual(parseBinaryReport(binary(report)), { qps: 120.5, eps: 3, utilization: 0.5 });
  t.deepEqual(parseBinaryReport(binary({ ...report, applicationUtilization: 0.8, requestCost: { a: 1, b: 2 } })), {
    qps: 120.5,
    eps: 3,
    utilization: 0.8,
  });
  t.deepEqual(parseBinaryReport(binary({ rps: 300, cpuUtilization: 1 })), { qps: 300, eps: 0, utilization: 1 });
  t.deepEqual(parseBinaryReport(''), { qps: 0, eps: 0, utilization: 0 });
  t.deepEqual(parseBinaryReport(binary(report).replace(/=+$/, '')), { qps: 120.5, eps: 3, utilization: 0.5 });
});

test('text and JSON say the same', (t) => {
  const expected = { qps: 100, eps: 2, utilization: 0.4 };
  t.deepEqual(parseTextReport('TEXT cpu_utilization=0.4,rps_fractional=100, eps=2,named_metrics.queue=9'), expected);
  t.deepEqual(
    parseTextReport('JSON {"cpu_utilization": 0.4, "rps_fractional": 100, "eps": 2, "named_metrics": {}}'),
    expected,
  );
  t.deepEqual(parseTextReport('JSON {"cpuUtilization": 0.4, "rps": "100", "eps": 2}'), expected);
  t.deepEqual(parseTextReport(`BIN ${binary({ cpuUtilization: 0.4, rpsFractional: 100, eps: 2 })}`), expected);
});

test('what is none is refused', (t) => {
  for (const value of [
    '',
    'TEXT',
    'cpu_utilization=1',
    'JSON',
    'JSON {',
    'JSON 5',
    'JSON null',
    'XML <a/>',
    'TEXT eps=x',
  ]) {
    t.true(parseTextReport(value) === null || weightOf(parseTextReport(value) as never) === 0, value);
  }
  t.is(parseTextReport('TEXT cpu_utilization='), null);
  t.is(parseTextReport('TEXT cpu_utilization=-1'), null);
  t.is(parseTextReport('JSON {"cpu_utilization": "much"}'), null);
  t.is(parseBinaryReport('A'.repeat(10_000)), null);
  for (const bytes of [
    [0x09],
    [0x09, 1, 2],
    [0x18, 0x80],
    [0x22, 0x05, 1],
    [0x0b],
    [0x0d, 1],
    new Array(12).fill(0xff),
  ]) {
    t.is(parseBinaryReport(Buffer.from(bytes).toString('base64')), null, String(bytes));
  }
});

test('whatever comes, reading it ends, and numbers are such as weights can be made of', async (t) => {
  await holds(
    t,
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.string(), (bytes, text) => {
      for (const report of [
        parseBinaryReport(Buffer.from(bytes).toString('base64')),
        parseBinaryReport(text),
        parseTextReport(`TEXT ${text}`),
        parseTextReport(`JSON ${text}`),
      ]) {
        if (report === null) continue;
        const weight = weightOf(report);
        if (!Number.isFinite(weight) || weight < 0) throw new Error(`${JSON.stringify(report)} weighs ${weight}`);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('the weight is what gRFC A58 says it is', (t) => {
  t.is(weightOf({ qps: 100, eps: 0, utilization: 0.5 }), 200);
  t.is(weightOf({ qps: 100, eps: 50, utilization: 0.5 }), 100);
  t.is(weightOf({ qps: 0, eps: 0, utilization: 0.5 }), 0);
  t.is(weightOf({ qps: 100, eps: 0, utilization: 0 }), 0);
});
