import test from 'ava';
import fc from 'fast-check';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/http2/hpack/encoder.ts';
import { HeaderList } from '../../../src/http2/hpack/header_list.ts';
import { MAX_INTEGER, readInteger, writeInteger } from '../../../src/http2/hpack/integer.ts';

const octetText = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((octets) => Buffer.from(octets).toString('latin1'));

/** Few names and values, so that they repeat, and some that are anything. */
const name = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(':path', ':method', 'te', 'cookie', 'x-a', 'x-b', 'grpc-timeout', 'authorization'),
  },
  { weight: 1, arbitrary: octetText(200) },
);
const value = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('', '/', 'GET', 'trailers', 'one', 'two', '4999876u', 'v'.repeat(300), 'w'.repeat(1200)),
  },
  { weight: 1, arbitrary: octetText(2500) },
);

type Step = { size: number } | { fields: [string, string, boolean][] } | { repeat: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ size: fc.constantFrom(0, 40, 100, 500, 4095, 4096, 65_536) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      fields: fc.array(fc.tuple(name, value, fc.constant(false)), { maxLength: 12 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ fields: fc.array(fc.tuple(name, value, fc.boolean()), { maxLength: 12 }) }),
  },
  { weight: 5, arbitrary: fc.record({ repeat: fc.nat(20) }) },
);

test('what one side encodes, the other decodes: any lists, repeated, with table sizes changing in between', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(4096, 1 << 24);
        const lists: HeaderList[] = [];
        for (const todo of steps) {
          if ('size' in todo) {
            encoder.setPeerMaxTableSize(todo.size);
            decoder.setMaxTableSize(todo.size);
            continue;
          }
          let list: HeaderList;
          if ('repeat' in todo) {
            const earlier = lists[todo.repeat % Math.max(1, lists.length)];
            if (earlier === undefined) continue;
            list = earlier;
          } else {
            const never = todo.fields.flatMap(([, , secret], i) => (secret ? [2 * i] : []));
            list = new HeaderList(
              todo.fields.flatMap(([n, v]) => [n, v] as const),
              never.length > 0 ? never : null,
            );
            lists.push(list);
          }
          const room = HpackEncoder.bound(list);
          const out = Buffer.alloc(room + 8, 0x5a);
          const end = encoder.encode(list, out, 4);
          if (end > 4 + room) throw new Error('the bound was too small');
          if (out.readUInt32BE(room + 4) !== 0x5a5a5a5a) throw new Error('wrote behind the bound');
          const decoded = decoder.decode(out, 4, end);
          if (decoded === null) throw new Error(decoder.error);
          if (decoder.tableSize !== encoder.tableSize) throw new Error('the tables differ');
          if (decoded.fields.length !== list.fields.length || decoded.fields.some((f, i) => f !== list.fields[i]))
            throw new Error('the fields differ');
          if (JSON.stringify(decoded.neverIndexed) !== JSON.stringify(list.neverIndexed))
            throw new Error('what is never indexed differs');
        }
      }),
      { numRuns: 400 },
    ),
  );
});

test('any octets decode to a list within the limit or to an error, and nothing throws', (t) => {
  const limit = 2000;
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 6 }), (blocks) => {
        const decoder = new HpackDecoder(4096, limit);
        for (const octets of blocks) {
          const block = Buffer.from(octets);
          const list = decoder.decode(block, 0, block.length);
          if ((list === null) === (decoder.error === '')) throw new Error('an error without a token, or the reverse');
          if (list !== null && list.size > limit) throw new Error('beyond the limit');
          if (decoder.tableSize > 4096) throw new Error('the table is too large');
        }
      }),
      { numRuns: 5000 },
    ),
  );
});

test('a block cut at any octet is an error or a shorter list, and what lies behind the end is never read', (t) => {
  const encoder = new HpackEncoder();
  const list = new HeaderList(
    [':method', 'GET', ':path', '/some/where', 'x-name', 'a value', 'x-long', 'l'.repeat(300)],
    [4],
  );
  const out = Buffer.alloc(HpackEncoder.bound(list));
  for (let round = 0; round < 3; round++) {
    const end = encoder.encode(list, out, 0);
    for (let cut = 0; cut <= end; cut++) {
      const [whole, part] = [new HpackDecoder(4096, 65_536), new HpackDecoder(4096, 65_536)];
      const inPlace = whole.decode(out, 0, cut);
      const alone = part.decode(Buffer.from(out.subarray(0, cut)), 0, cut);
      t.deepEqual(inPlace?.fields, alone?.fields);
      t.is(whole.error, part.error);
      t.is(inPlace === null, whole.error !== '');
    }
  }
});

test('every integer up to 2^31-1 is read as it was written, with every prefix', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.oneof(fc.nat(MAX_INTEGER), fc.nat(1000)), fc.integer({ min: 1, max: 8 }), (number, bits) => {
        const prefix = 2 ** bits - 1;
        const out = Buffer.alloc(8);
        const end = writeInteger(out, 0, 0, prefix, number);
        const first = out[0] as number;
        const cursor = { at: 1 };
        return (first < prefix ? first : readInteger(out, cursor, end, prefix)) === number && cursor.at === end;
      }),
      { numRuns: 2000 },
    ),
  );
});
