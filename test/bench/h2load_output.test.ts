import test from 'ava';
import { latencyOf, parseH2load, parseLog } from '../../bench/load/h2load_output.ts';

const BY_NUMBER = `starting benchmark...
finished in 140.95ms, 14189.33 req/s, 1.39MB/s
requests: 2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 201.33KB (206162) total, 21.57KB (22088) headers (space savings 93.58%), 125.00KB (128000) data
                     min         max         mean         sd        +/- sd
time for request:       26us      1.25ms        64us        41us    74.35%
time for connect:      243us       243us       243us         0us   100.00%
`;

const REFUSED = `finished in 194us, 0.00 req/s, 0B/s
requests: 5 total, 0 started, 0 done, 0 succeeded, 5 failed, 5 errored, 0 timeout
status codes: 0 2xx, 0 3xx, 0 4xx, 0 5xx
time for request:        0us         0us         0us         0us     0.00%
`;

/** A run by time: an answer whose request began in the warm-up is among the done ones, but its status is not. */
const BY_TIME = `finished in 8.00s, 40000.00 req/s, 3.84MB/s
requests: 240000 total, 240180 started, 240000 done, 240000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 239985 2xx, 0 3xx, 0 4xx, 0 5xx
time for request:       56us       2.35s       153us        69us    70.25%
`;

test('the report of a run gives its rate, its latency in microseconds, and no failures', (t) => {
  t.deepEqual(parseH2load(BY_NUMBER), {
    seconds: 0.14095,
    requestsPerSecond: 14_189.33,
    done: 2_000,
    failed: 0,
    mean: 64,
    max: 1_250,
  });
});

test('requests that could not be sent are failures', (t) => {
  t.is(parseH2load(REFUSED)?.failed, 5);
  t.is(parseH2load(REFUSED)?.done, 0);
});

test('answers with another status than 2xx are failures', (t) => {
  t.is(parseH2load(BY_NUMBER.replace('2000 2xx, 0 3xx, 0 4xx, 0 5xx', '1980 2xx, 8 3xx, 5 4xx, 7 5xx'))?.failed, 20);
});

test('the edges of a run by time are no failures', (t) => {
  t.is(parseH2load(BY_TIME)?.failed, 0);
  t.is(parseH2load(BY_TIME)?.max, 2_350_000);
});

test('a run that was ended has no report', (t) => {
  t.is(parseH2load('starting benchmark...\nprogress: 10% done\n'), null);
});

test('the log gives start, status and duration of each request, and a last line that was cut off is left out', (t) => {
  t.deepEqual(parseLog('1795173284693097\t200\t108\n1795173284693014\t-1\t323\n17951732846'), [
    { startedAt: 1_795_173_284_693_097, status: 200, duration: 108 },
    { startedAt: 1_795_173_284_693_014, status: -1, duration: 323 },
  ]);
});

test('latency is that of the requests that were answered', (t) => {
  const log = parseLog('1\t200\t10\n2\t-1\t9999\n3\t200\t30\n4\t200\t20\n');
  t.deepEqual(latencyOf(log), { mean: 20, p50: 20, p99: 30, p999: 30, max: 30 });
});
