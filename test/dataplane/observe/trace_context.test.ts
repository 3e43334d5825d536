import test from 'ava';
import { randomId, traceContextOf, withTraceparent } from '../../../src/dataplane/observe/trace_context.ts';
import { HeaderList } from '../../../src/http2/hpack/header_list.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const context = (...fields: string[]) => traceContextOf(new HeaderList([':method', 'POST', ...fields]));

for (const [value, expected] of [
  [`00-${TRACE}-${SPAN}-01`, { sampled: true, flags: '01' }],
  [`00-${TRACE}-${SPAN}-00`, { sampled: false, flags: '00' }],
  [`00-${TRACE}-${SPAN}-03`, { sampled: true, flags: '03' }],
  [`cc-${TRACE}-${SPAN}-01-what-comes-later`, { sampled: true, flags: '01' }],
  [`00-${TRACE}-${SPAN}-01-`, null],
  [`ff-${TRACE}-${SPAN}-01`, null],
  [`00-${'0'.repeat(32)}-${SPAN}-01`, null],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, null],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`, null],
  [`00-${TRACE}-${SPAN}`, null],
  ['', null],
] as const) {
  test(`traceparent "${value}" ${expected === null ? 'is none' : 'is read'}`, (t) => {
    t.deepEqual(
      context('traceparent', value),
      expected === null ? null : { traceId: TRACE, parentId: SPAN, ...expected },
    );
  });
}

for (const [fields, sampled, traceId] of [
  [['b3', `${TRACE}-${SPAN}-1-05e3ac9a4f6e3b90`], true, TRACE],
  [['b3', `${TRACE}-${SPAN}-0`], false, TRACE],
  [['b3', `${TRACE}-${SPAN}-d`], true, TRACE],
  [['b3', `${SPAN}-${SPAN}`], null, `${'0'.repeat(16)}${SPAN}`],
  [['x-b3-traceid', TRACE, 'x-b3-spanid', SPAN, 'x-b3-sampled', '1'], true, TRACE],
  [['x-b3-traceid', TRACE, 'x-b3-spanid', SPAN, 'x-b3-sampled', '0', 'x-b3-flags', '1'], true, TRACE],
  [['x-b3-traceid', TRACE, 'x-b3-spanid', SPAN], null, TRACE],
] as const) {
  test(`B3 is read: ${fields.join(' ')}`, (t) => {
    t.deepEqual(context(...fields), { traceId, parentId: SPAN, sampled, flags: null });
  });
}

for (const fields of [
  ['b3', '0'],
  ['x-b3-traceid', TRACE],
  ['x-b3-traceid', 'xyz', 'x-b3-spanid', SPAN],
]) {
  test(`B3 without a trace is none: ${fields.join(' ')}`, (t) => {
    t.is(context(...fields), null);
  });
}

test('traceparent is believed before B3', (t) => {
  t.like(context('b3', `${SPAN}-${SPAN}-0`, 'traceparent', `00-${TRACE}-${SPAN}-01`), {
    traceId: TRACE,
    sampled: true,
  });
});

test('a new traceparent takes the place of the old one, or stands at the end; the list itself stays', (t) => {
  const list = new HeaderList([':path', '/', 'traceparent', 'old', 'secret', 'x'], [4]);
  const changed = withTraceparent(list, 'new');
  t.deepEqual(changed.fields, [':path', '/', 'traceparent', 'new', 'secret', 'x']);
  t.deepEqual(changed.neverIndexed, [4]);
  t.is(list.get('traceparent'), 'old');
  t.deepEqual(withTraceparent(new HeaderList([':path', '/']), 'new').fields, [':path', '/', 'traceparent', 'new']);
});

test('ids are hexadecimal digits, and never all zero', (t) => {
  t.regex(randomId(32, Math.random), /^[0-9a-f]{32}$/);
  t.is(
    randomId(16, () => 0),
    `${'0'.repeat(15)}1`,
  );
  t.is(
    randomId(16, () => 0.999_999_999_99),
    'f'.repeat(16),
  );
});
