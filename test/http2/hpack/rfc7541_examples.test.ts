import test from 'ava';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/http2/hpack/encoder.ts';
import { HeaderList } from '../../../src/http2/hpack/header_list.ts';
import { readInteger, writeInteger } from '../../../src/http2/hpack/integer.ts';
import {
  NEVER_INDEXED,
  WITH_INDEXING,
  WITHOUT_INDEXING,
  writeIndexed,
  writeLiteral,
} from '../../../src/http2/hpack/representation.ts';

type Field = readonly [name: string, value: string];

/** One representation of RFC 7541 section 6: an index, or kind, name index (0: spelled out), name, value. */
type Step = number | readonly [kind: number, nameIndex: number, name: string, value: string];

interface Example {
  readonly section: string;
  /** The octets without Huffman coding and with it; null where the RFC has only the other. */
  readonly plain: string | null;
  readonly huffman: string | null;
  readonly steps: readonly Step[];
  readonly fields: readonly Field[];
  /** The dynamic table afterwards, newest entry first. */
  readonly table: readonly Field[];
  readonly tableSize: number;
}

const EXAMPLE_SITE: Field = [':authority', 'www.example.com'];
const NO_CACHE: Field = ['cache-control', 'no-cache'];
const CUSTOM: Field = ['custom-key', 'custom-value'];
const PRIVATE: Field = ['cache-control', 'private'];
const DATE_21: Field = ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'];
const DATE_22: Field = ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'];
const LOCATION: Field = ['location', 'https://www.example.com'];
const COOKIE: Field = ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'];

const insert = (nameIndex: number, field: Field): Step => [WITH_INDEXING, nameIndex, ...field];

const SINGLE: readonly Example[] = [
  {
    section: 'C.2.1',
    plain: '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
    huffman: null,
    steps: [insert(0, ['custom-key', 'custom-header'])],
    fields: [['custom-key', 'custom-header']],
    table: [['custom-key', 'custom-header']],
    tableSize: 55,
  },
  {
    section: 'C.2.2',
    plain: '040c 2f73 616d 706c 652f 7061 7468',
    huffman: null,
    steps: [[WITHOUT_INDEXING, 4, ':path', '/sample/path']],
    fields: [[':path', '/sample/path']],
    table: [],
    tableSize: 0,
  },
  {
    section: 'C.2.3',
    plain: '1008 7061 7373 776f 7264 0673 6563 7265 74',
    huffman: null,
    steps: [[NEVER_INDEXED, 0, 'password', 'secret']],
    fields: [['password', 'secret']],
    table: [],
    tableSize: 0,
  },
  {
    section: 'C.2.4',
    plain: '82',
    huffman: null,
    steps: [2],
    fields: [[':method', 'GET']],
    table: [],
    tableSize: 0,
  },
];

const REQUESTS: readonly Example[] = [
  {
    section: 'first request (C.3.1, C.4.1)',
    plain: '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    huffman: '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
    steps: [2, 6, 4, insert(1, EXAMPLE_SITE)],
    fields: [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], EXAMPLE_SITE],
    table: [EXAMPLE_SITE],
    tableSize: 57,
  },
  {
    section: 'second request (C.3.2, C.4.2)',
    plain: '8286 84be 5808 6e6f 2d63 6163 6865',
    huffman: '8286 84be 5886 a8eb 1064 9cbf',
    steps: [2, 6, 4, 62, insert(24, NO_CACHE)],
    fields: [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], EXAMPLE_SITE, NO_CACHE],
    table: [NO_CACHE, EXAMPLE_SITE],
    tableSize: 110,
  },
  {
    section: 'third request (C.3.3, C.4.3)',
    plain: '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    huffman: '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    steps: [2, 7, 5, 63, insert(0, CUSTOM)],
    fields: [[':method', 'GET'], [':scheme', 'https'], [':path', '/index.html'], EXAMPLE_SITE, CUSTOM],
    table: [CUSTOM, NO_CACHE, EXAMPLE_SITE],
    tableSize: 164,
  },
];

const RESPONSES: readonly Example[] = [
  {
    section: 'first response (C.5.1, C.6.1)',
    plain:
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    huffman:
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
    steps: [insert(8, [':status', '302']), insert(24, PRIVATE), insert(33, DATE_21), insert(46, LOCATION)],
    fields: [[':status', '302'], PRIVATE, DATE_21, LOCATION],
    table: [LOCATION, DATE_21, PRIVATE, [':status', '302']],
    tableSize: 222,
  },
  {
    section: 'second response (C.5.2, C.6.2)',
    plain: '4803 3330 37c1 c0bf',
    huffman: '4883 640e ffc1 c0bf',
    steps: [insert(8, [':status', '307']), 65, 64, 63],
    fields: [[':status', '307'], PRIVATE, DATE_21, LOCATION],
    table: [[':status', '307'], LOCATION, DATE_21, PRIVATE],
    tableSize: 222,
  },
  {
    section: 'third response (C.5.3, C.6.3)',
    plain:
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    huffman:
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    steps: [8, 65, insert(33, DATE_22), 64, insert(26, ['content-encoding', 'gzip']), insert(55, COOKIE)],
    fields: [[':status', '200'], PRIVATE, DATE_22, LOCATION, ['content-encoding', 'gzip'], COOKIE],
    table: [COOKIE, ['content-encoding', 'gzip'], DATE_22],
    tableSize: 215,
  },
];

const SEQUENCES = [
  { name: 'C.3, requests without Huffman coding', examples: REQUESTS, coding: 'plain', tableSize: 4096 },
  { name: 'C.4, requests with Huffman coding', examples: REQUESTS, coding: 'huffman', tableSize: 4096 },
  { name: 'C.5, responses without Huffman coding', examples: RESPONSES, coding: 'plain', tableSize: 256 },
  { name: 'C.6, responses with Huffman coding', examples: RESPONSES, coding: 'huffman', tableSize: 256 },
] as const;

const octets = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

function encodeSteps(steps: readonly Step[], huffman: boolean): Buffer {
  const out = Buffer.alloc(1024);
  let at = 0;
  for (const step of steps)
    at = typeof step === 'number' ? writeIndexed(out, at, step) : writeLiteral(out, at, ...step, huffman);
  return out.subarray(0, at);
}

for (const [section, value, prefix, pattern, hex] of [
  ['C.1.1', 10, 0x1f, 0, '0a'],
  ['C.1.2', 1337, 0x1f, 0, '1f9a0a'],
  ['C.1.3', 42, 0xff, 0, '2a'],
] as const) {
  test(`${section}: the integer ${value} is encoded to and decoded from exactly the RFC's octets`, (t) => {
    const out = Buffer.alloc(8);
    const end = writeInteger(out, 0, pattern, prefix, value);
    t.is(out.toString('hex', 0, end), hex);
    const first = out[0] as number;
    const cursor = { at: 1 };
    t.is(first < prefix ? first : readInteger(out, cursor, end, prefix), value);
    t.is(cursor.at, end);
  });
}

for (const example of SINGLE) {
  test(`${example.section} decodes to the RFC's field and table, and its representation is written octet by octet`, (t) => {
    const block = octets(example.plain as string);
    const decoder = new HpackDecoder(4096, 65_536);
    const list = decoder.decode(block, 0, block.length);
    t.deepEqual(list?.fields, example.fields.flat());
    t.deepEqual(list?.neverIndexed, example.section === 'C.2.3' ? [0] : null);
    t.deepEqual(decoder.tableEntries(), example.table);
    t.is(decoder.tableSize, example.tableSize);
    t.deepEqual(encodeSteps(example.steps, false), block);
  });
}

for (const { name, examples, coding, tableSize } of SEQUENCES) {
  test(`${name}: every block decodes to the RFC's fields, table and table size`, (t) => {
    const decoder = new HpackDecoder(tableSize, 65_536);
    for (const example of examples) {
      const block = octets(example[coding] as string);
      t.deepEqual(decoder.decode(block, 0, block.length)?.fields, example.fields.flat(), example.section);
      t.deepEqual(decoder.tableEntries(), example.table, example.section);
      t.is(decoder.tableSize, example.tableSize, example.section);
    }
  });

  test(`${name}: the RFC's choice of representations is written as exactly its octets`, (t) => {
    for (const example of examples)
      t.deepEqual(encodeSteps(example.steps, coding === 'huffman'), octets(example[coding] as string), example.section);
  });
}

for (const { name, examples, tableSize } of SEQUENCES.filter(({ coding }) => coding === 'huffman')) {
  test(`${name}: our encoder indexes on second sight, so its octets differ, and decode to the same lists`, (t) => {
    const encoder = new HpackEncoder();
    encoder.setPeerMaxTableSize(tableSize);
    const decoder = new HpackDecoder(4096, 65_536);
    decoder.setMaxTableSize(tableSize);
    // Three rounds: literals, insertions, indexes.
    for (const example of [...examples, ...examples, ...examples]) {
      const list = new HeaderList(example.fields.flat());
      const out = Buffer.alloc(HpackEncoder.bound(list));
      const end = encoder.encode(list, out, 0);
      t.deepEqual(decoder.decode(out, 0, end)?.fields, list.fields, example.section);
      t.is(decoder.tableSize, encoder.tableSize, example.section);
    }
    t.true(encoder.tableSize > 0);
  });
}
