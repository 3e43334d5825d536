import test from 'ava';
import { HPACK_ERROR_TOKENS, HpackDecoder, type HpackErrorToken } from '../../../src/http2/hpack/decoder.ts';
import {
  WITH_INDEXING,
  WITHOUT_INDEXING,
  writeLiteral,
  writeSizeUpdate,
} from '../../../src/http2/hpack/representation.ts';

const octets = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

function decode(decoder: HpackDecoder, hex: string) {
  const block = octets(hex);
  return decoder.decode(block, 0, block.length);
}

/** A literal field in hex, not Huffman-coded. */
function literal(kind: number, name: string, value: string): string {
  const out = Buffer.alloc(name.length + value.length + 32);
  return out.toString('hex', 0, writeLiteral(out, 0, kind, 0, name, value, false));
}

function sizeUpdate(size: number): string {
  const out = Buffer.alloc(8);
  return out.toString('hex', 0, writeSizeUpdate(out, 0, size));
}

/** What a fresh decoder of 4096 octets that was then set up by `prepare` must answer to a block. */
const REJECTED: readonly (readonly [token: HpackErrorToken, what: string, hex: string, lowerTo?: number])[] = [
  ['hpack_index_zero', 'an indexed field with index 0', '80'],
  ['hpack_bad_index', 'an index behind the static table while the dynamic one is empty', 'be'],
  ['hpack_bad_index', 'an index far beyond both tables', 'ffffff07'],
  ['hpack_bad_name_index', 'a literal with indexing whose name index is beyond both tables', '7e0161'],
  ['hpack_bad_name_index', 'a literal without indexing whose name index is beyond both tables', '0f2f0161'],
  ['hpack_integer_truncated', 'a block that ends inside an index', 'ff80'],
  ['hpack_integer_truncated', 'a block that ends inside the length of a string', '007f'],
  ['hpack_integer_truncated', 'a block that ends inside a table size', '3f'],
  ['hpack_integer_overflow', 'an index above 2^31-1', 'ff80ffffff0f'],
  ['hpack_integer_overflow', 'a string length above 2^31-1', '007f81ffffff07'],
  ['hpack_integer_too_long', 'an index with more octets than it needs', 'ff808080808000'],
  ['hpack_string_missing', 'a name index without a value', '04'],
  ['hpack_string_missing', 'a name without a value', '000161'],
  ['hpack_string_truncated', 'a string longer than the block', '000261'],
  ['hpack_string_truncated', 'a string length of 2^31-1', '007f80ffffff07'],
  ['hpack_huffman_eos', 'EOS inside a string', '0084ffffffff0161'],
  ['hpack_huffman_padding', 'padding of zeros', '0081000161'],
  ['hpack_huffman_padding', 'padding of 8 bits', '008207ff0161'],
  ['hpack_table_size_too_large', 'a table size above the maximum', sizeUpdate(4097)],
  [
    'hpack_table_size_update_flood',
    'a third table size update in a row',
    `${sizeUpdate(0)}${sizeUpdate(1)}${sizeUpdate(2)}`,
  ],
  ['hpack_table_size_update_late', 'a table size update behind a field', `82${sizeUpdate(100)}`],
  ['hpack_table_size_update_missing', 'a block without the update that is due', '82', 100],
  ['hpack_table_size_update_missing', 'an empty block while an update is due', '', 100],
  ['hpack_table_size_too_large', 'an update above the lowered maximum', sizeUpdate(101), 100],
];

for (const [token, what, hex, lowerTo] of REJECTED) {
  test(`${what} is rejected as ${token}, and so is every later block`, (t) => {
    const decoder = new HpackDecoder(4096, 65_536);
    if (lowerTo !== undefined) decoder.setMaxTableSize(lowerTo);
    t.is(decoder.error, '');
    t.is(decode(decoder, hex), null);
    t.is(decoder.error, token);
    t.is(decode(decoder, '82'), null);
    t.is(decoder.error, token);
  });
}

test('every token has a test of its own', (t) => {
  const tested = new Set([...REJECTED.map(([token]) => token), 'hpack_table_size_update_not_smallest']);
  t.deepEqual([...tested].sort(), [...HPACK_ERROR_TOKENS].sort());
});

test('names and values keep every octet, Huffman-coded or not', (t) => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1');
  for (const huffman of [false, true]) {
    const out = Buffer.alloc(4096);
    const end = writeLiteral(out, 0, WITH_INDEXING, 0, `x${all}`, all, huffman);
    t.deepEqual(new HpackDecoder(4096, 65_536).decode(out, 0, end)?.fields, [`x${all}`, all]);
  }
});

test('a string of every length from 0 to 600 is read as it was written', (t) => {
  const out = Buffer.alloc(4096);
  const text = Array.from({ length: 600 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
  for (let length = 0; length <= 600; length++)
    for (const huffman of [false, true]) {
      const value = text.slice(0, length);
      const end = writeLiteral(out, 3, WITHOUT_INDEXING, 4, ':path', value, huffman);
      t.is(new HpackDecoder(4096, 65_536).decode(out, 3, end)?.get(':path'), value);
    }
});

test('strings that differ in one octet only are told apart, wherever it stands', (t) => {
  const decoder = new HpackDecoder(4096, 65_536);
  const base = 'abcdefghijklmnopqrstuvwxyzabcdefghijkl';
  for (let i = 0; i < base.length; i++)
    for (const octet of ['0', '1']) {
      const value = base.slice(0, i) + octet + base.slice(i + 1);
      t.is(decode(decoder, literal(WITHOUT_INDEXING, 'name', value))?.get('name'), value);
    }
});

test('an empty block is an empty list', (t) => {
  t.deepEqual(decode(new HpackDecoder(4096, 65_536), '')?.fields, []);
});

test('never-indexed fields are recorded by position, in order', (t) => {
  const list = decode(
    new HpackDecoder(4096, 65_536),
    `82${literal(0x10, 'password', 'a')}${literal(0x00, 'x', 'y')}1f080362617a`,
  );
  t.deepEqual(list?.fields, [':method', 'GET', 'password', 'a', 'x', 'y', 'authorization', 'baz']);
  t.deepEqual(list?.neverIndexed, [2, 6]);
});

test('an entry larger than the table empties it and is still handed out', (t) => {
  const decoder = new HpackDecoder(100, 65_536);
  decode(decoder, literal(WITH_INDEXING, 'a', 'b'));
  t.is(decoder.tableSize, 34);
  t.is(decode(decoder, literal(WITH_INDEXING, 'a', 'b'.repeat(68)))?.fields[1]?.length, 68);
  t.is(decoder.tableSize, 0);
  t.deepEqual(decoder.tableEntries(), []);
});

test('a name taken from an entry survives the eviction of that entry by its own insertion', (t) => {
  const decoder = new HpackDecoder(64, 65_536);
  decode(decoder, literal(WITH_INDEXING, 'name', 'value'));
  t.deepEqual(decode(decoder, '7e03616263')?.fields, ['name', 'abc']);
  t.deepEqual(decoder.tableEntries(), [['name', 'abc']]);
});

test('a table larger than 4096 is used only after the peer asked for it', (t) => {
  const decoder = new HpackDecoder(65_536, 1e6);
  const insert = (n: number) => literal(WITH_INDEXING, `name-${n}`, 'v'.repeat(1000));
  for (let n = 0; n < 5; n++) decode(decoder, insert(n));
  t.is(decoder.tableEntries().length, 3);
  decode(decoder, sizeUpdate(65_536));
  for (let n = 0; n < 50; n++) decode(decoder, insert(n));
  t.is(decoder.tableEntries().length, 53);
});

test('size updates at the start of a block take effect in turn', (t) => {
  const decoder = new HpackDecoder(4096, 65_536);
  decode(decoder, literal(WITH_INDEXING, 'a', 'b') + literal(WITH_INDEXING, 'c', 'd'));
  t.deepEqual(decode(decoder, `${sizeUpdate(40)}${sizeUpdate(4096)}82`)?.fields, [':method', 'GET']);
  t.deepEqual(decoder.tableEntries(), [['c', 'd']]);
  t.deepEqual(decode(decoder, `${sizeUpdate(0)}${sizeUpdate(4096)}`)?.fields, []);
  t.is(decoder.tableSize, 0);
});

test('a lowered maximum is due at the start of the next block, and then no more', (t) => {
  const decoder = new HpackDecoder(4096, 65_536);
  decoder.setMaxTableSize(100);
  t.truthy(decode(decoder, `${sizeUpdate(60)}82`));
  t.truthy(decode(decoder, '82'));
  t.is(decode(decoder, sizeUpdate(101)), null);
  t.is(decoder.error, 'hpack_table_size_too_large');
});

test('a maximum that the peer stays under anyway makes nothing due', (t) => {
  const decoder = new HpackDecoder(4096, 65_536);
  t.truthy(decode(decoder, sizeUpdate(50)));
  decoder.setMaxTableSize(100);
  t.truthy(decode(decoder, '82'));
  decoder.setMaxTableSize(8192);
  t.truthy(decode(decoder, '82'));
  t.truthy(decode(decoder, sizeUpdate(8192)));
});

test('lowered and raised between two blocks, the smallest maximum must be signalled', (t) => {
  const honest = new HpackDecoder(4096, 65_536);
  honest.setMaxTableSize(100);
  honest.setMaxTableSize(4096);
  t.truthy(decode(honest, `${sizeUpdate(100)}${sizeUpdate(4096)}82`));

  const other = new HpackDecoder(4096, 65_536);
  other.setMaxTableSize(100);
  other.setMaxTableSize(4096);
  t.is(decode(other, `${sizeUpdate(4096)}82`), null);
  t.is(other.error, 'hpack_table_size_update_not_smallest');
});

test('a list of exactly the limit is whole; one octet more cuts it short, and the table is kept up', (t) => {
  const block = `82${literal(WITH_INDEXING, 'name', 'value')}${literal(WITH_INDEXING, 'a', '')}84`;
  // :method GET 42, name value 41, a 33, :path / 38.
  const whole = decode(new HpackDecoder(4096, 154), block);
  t.is(whole?.tooLarge, false);
  t.is(whole?.size, 154);

  for (const [limit, fields] of [
    [153, 3],
    [116, 3],
    [115, 2],
    [41, 0],
    [0, 0],
  ] as const) {
    const decoder = new HpackDecoder(4096, limit);
    const list = decode(decoder, block);
    t.true(list?.tooLarge);
    t.is(list?.fields.length, 2 * fields, `limit ${limit}`);
    t.deepEqual(decoder.tableEntries(), [
      ['a', ''],
      ['name', 'value'],
    ]);
  }
});

test('a never-indexed field beyond the limit leaves no index behind', (t) => {
  const block = `82${literal(0x10, 'password', 'a'.repeat(50))}82`;
  const list = decode(new HpackDecoder(4096, 60), block);
  t.true(list?.tooLarge);
  t.deepEqual(list?.fields, [':method', 'GET']);
  t.is(list?.neverIndexed?.length, 0);
});

test('a header bomb (60,000 references to an entry of 4 KB) gives no more than the limit', (t) => {
  const decoder = new HpackDecoder(4096, 16_384);
  decode(decoder, literal(WITH_INDEXING, 'bomb', 'x'.repeat(4000)));
  const list = decode(decoder, 'be'.repeat(60_000));
  t.true(list?.tooLarge);
  t.is(list?.fields.length, 8);
  t.true((list?.size ?? Number.NaN) <= 16_384);
});

test('a block seen before gives the same list, as long as the table has not changed', (t) => {
  const decoder = new HpackDecoder(4096, 65_536);
  const inserting = literal(WITH_INDEXING, 'name', 'value');
  const first = decode(decoder, inserting);
  const second = decode(decoder, inserting);
  t.not(first, second, 'a block that inserts is decoded each time');
  t.deepEqual(decoder.tableEntries().length, 2);

  const list = decode(decoder, '82be');
  t.deepEqual(list?.fields, [':method', 'GET', 'name', 'value']);
  t.is(decode(decoder, '82be'), list);
  // The same octets elsewhere in another buffer.
  t.is(decoder.decode(octets('ffff82beff'), 2, 4), list);
  t.not(decode(decoder, '82bf'), list);
  t.is(decode(decoder, '82be'), list);

  decode(decoder, literal(WITH_INDEXING, 'name', 'other'));
  t.deepEqual(decode(decoder, '82be')?.fields, [':method', 'GET', 'name', 'other']);
  t.deepEqual(decode(decoder, '82bf')?.fields, [':method', 'GET', 'name', 'value']);
});

test('an eviction by a size update makes the cached lists invalid', (t) => {
  const decoder = new HpackDecoder(4096, 65_536);
  decode(decoder, literal(WITH_INDEXING, 'name', 'value'));
  t.is(decode(decoder, 'be'), decode(decoder, 'be'));
  decode(decoder, sizeUpdate(0));
  t.is(decode(decoder, 'be'), null);
  t.is(decoder.error, 'hpack_bad_index');
});

test('a cached block is still refused while a size update is due', (t) => {
  const decoder = new HpackDecoder(4096, 65_536);
  t.truthy(decode(decoder, '82'));
  t.truthy(decode(decoder, '82'));
  decoder.setMaxTableSize(0);
  t.is(decode(decoder, '82'), null);
  t.is(decoder.error, 'hpack_table_size_update_missing');
});

test('hundreds of different blocks in turn, repeated, are all decoded right', (t) => {
  const decoder = new HpackDecoder(4096, 65_536);
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 500; i++) {
      const value = `value ${i} ${'x'.repeat(i % 97)}`;
      t.is(decode(decoder, literal(WITHOUT_INDEXING, 'name', value))?.get('name'), value);
    }
});

test('a block that repeats is found again behind a long run of blocks that do not', (t) => {
  const decoder = new HpackDecoder(4096, 65_536);
  for (let i = 0; i < 1000; i++) decode(decoder, literal(WITHOUT_INDEXING, 'id', String(i)));
  const lists = new Set(Array.from({ length: 40 }, () => decode(decoder, '8286')));
  t.true(lists.size <= 17);
});
