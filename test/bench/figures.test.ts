import test from 'ava';
import fc from 'fast-check';
import { median, percentile, ratio, summarize } from '../../bench/load/figures.ts';

test('the median is the middle value, or the mean of the two in the middle', (t) => {
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 3, 2]), 2.5);
  t.is(median([]), null);
});

test('a percentile is the smallest value that so many values do not exceed', (t) => {
  const values = Array.from({ length: 1_000 }, (_, index) => index + 1);
  t.is(percentile(values, 0.5), 500);
  t.is(percentile(values, 0.99), 990);
  t.is(percentile(values, 0.999), 999);
  t.is(percentile(values, 1), 1_000);
  t.is(percentile([7], 0.01), 7);
  t.is(percentile([], 0.5), null);
});

test('percentiles are values that occurred, in order, whatever the order of the durations', (t) => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (durations) => {
      const { p50, p99, p999, max } = summarize(durations);
      for (const value of [p50, p99, p999]) if (!durations.includes(value as number)) return false;
      return (
        (p50 as number) <= (p99 as number) && (p99 as number) <= (p999 as number) && max === Math.max(...durations)
      );
    }),
  );
  t.pass();
});

test('nothing is divided by what is unknown or zero', (t) => {
  t.is(ratio(6, 8), 0.75);
  t.is(ratio(null, 8), null);
  t.is(ratio(6, null), null);
  t.is(ratio(6, 0), null);
});
