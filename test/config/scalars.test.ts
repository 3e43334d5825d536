import test from 'ava';
import fc from 'fast-check';
import { formatDuration, LONGEST_DURATION_MS, parseDuration, parseShare, parseSize } from '../../src/config/scalars.ts';

for (const [text, ms] of [
  ['0s', 0],
  ['250ms', 250],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['0.4ms', 0],
] as const) {
  test(`the duration ${text} is ${ms} ms`, (t) => t.deepEqual(parseDuration(text), { ok: true, value: ms }));
}

const DURATION = 'a duration such as 250ms, 3s, 5m or 1h';
for (const [text, hint] of [
  ['10', 'say the unit: 10s or 10ms'],
  ['10 s', 'did you mean "10s"?'],
  ['10sec', 'did you mean "10s"?'],
  ['2 Minutes', 'did you mean "2m"?'],
  ['5 milliseconds', 'did you mean "5ms"?'],
  ['1h30m', 'use one unit: 90m instead of 1h30m'],
  ['', null],
  ['-1s', null],
  ['1d', null],
  ['s', null],
] as const) {
  test(`"${text}" is no duration`, (t) => t.deepEqual(parseDuration(text), { ok: false, expected: DURATION, hint }));
}

test('a duration that no timer can wait is refused', (t) => {
  t.true(parseDuration('596h').ok);
  t.like(parseDuration('597h'), { ok: false, expected: `${DURATION}, and at most 596h` });
});

test('a formatted duration reads back as itself', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: LONGEST_DURATION_MS }), (ms) => {
      t.deepEqual(parseDuration(formatDuration(ms)), { ok: true, value: ms });
    }),
  );
  t.deepEqual([0, 1, 1_000, 90_000, 120_000, 7_200_000].map(formatDuration), ['0s', '1ms', '1s', '90s', '2m', '2h']);
});

test('sizes are counted in powers of 1024', (t) => {
  t.deepEqual(
    ['512B', '64KiB', '1.5MiB', '1GiB'].map((text) => parseSize(text)),
    [512, 65_536, 1_572_864, 1_073_741_824].map((value) => ({ ok: true, value })),
  );
  t.like(parseSize('64K'), { ok: false, hint: 'did you mean "64KiB"? Units are powers of 1024' });
  t.like(parseSize('64 mb'), { ok: false, hint: 'did you mean "64MiB"? Units are powers of 1024' });
  t.like(parseSize('64'), { ok: false, hint: 'say the unit: 64B or 64KiB' });
  t.like(parseSize('0.3B'), { ok: false, expected: 'a size such as 512B, 64KiB or 1MiB, and a whole number of bytes' });
});

test('shares are per cent', (t) => {
  t.deepEqual(
    ['0%', '10%', '12.5%', '100%'].map((text) => parseShare(text)),
    [0, 0.1, 0.125, 1].map((value) => ({ ok: true, value })),
  );
  t.like(parseShare('0.1'), { ok: false, hint: 'did you mean "10%"?' });
  t.like(parseShare('10'), { ok: false, hint: 'did you mean "10%"?' });
  t.like(parseShare('101%'), { ok: false, expected: 'a share such as 10%, and at most 100%' });
  t.like(parseShare('-1%'), { ok: false, hint: null });
});
