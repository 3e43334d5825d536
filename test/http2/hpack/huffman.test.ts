import test from 'ava';
import fc from 'fast-check';
import {
  HUFFMAN_EOS,
  HUFFMAN_PADDING,
  huffmanDecode,
  huffmanEncode,
  huffmanLength,
} from '../../../src/http2/hpack/huffman.ts';
import { CODE_LENGTHS, CODES, EOS } from '../../../src/http2/hpack/huffman_code.ts';

const latin1Text = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((octets) => Buffer.from(octets).toString('latin1'));

function encode(text: string): Buffer {
  const out = Buffer.alloc(huffmanLength(text) + 1, 0xaa);
  const end = huffmanEncode(text, out, 0);
  return out.subarray(0, end);
}

function decode(hex: string): string | number {
  const octets = Buffer.from(hex, 'hex');
  return huffmanDecode(octets, 0, octets.length);
}

test('the code is complete, and its codes are those of RFC 7541 Appendix B', (t) => {
  t.is(
    CODE_LENGTHS.reduce((sum, length) => sum + 2 ** -length, 0),
    1,
  );
  const sample: readonly (readonly [symbol: number, code: number, length: number])[] = [
    [0x30, 0x0, 5], // '0'
    [0x74, 0x9, 5], // 't'
    [0x20, 0x14, 6], // ' '
    [0x75, 0x2d, 6], // 'u'
    [0x3a, 0x5c, 7], // ':'
    [0x7a, 0x7b, 7], // 'z'
    [0x26, 0xf8, 8], // '&'
    [0x5a, 0xfd, 8], // 'Z'
    [0x21, 0x3f8, 10], // '!'
    [0x3f, 0x3fc, 10], // '?'
    [0x27, 0x7fa, 11], // "'"
    [0x7c, 0x7fc, 11], // '|'
    [0x23, 0xffa, 12], // '#'
    [0x3e, 0xffb, 12], // '>'
    [0x00, 0x1ff8, 13],
    [0x7e, 0x1ffd, 13], // '~'
    [0x5e, 0x3ffc, 14], // '^'
    [0x7d, 0x3ffd, 14], // '}'
    [0x3c, 0x7ffc, 15], // '<'
    [0x7b, 0x7ffe, 15], // '{'
    [0x5c, 0x7fff0, 19], // '\'
    [208, 0x7fff2, 19],
    [128, 0xfffe6, 20],
    [153, 0x1fffdc, 21],
    [129, 0x3fffd2, 22],
    [1, 0x7fffd8, 23],
    [9, 0xffffea, 24],
    [199, 0x1ffffec, 25],
    [192, 0x3ffffe0, 26],
    [203, 0x7ffffde, 27],
    [2, 0xfffffe2, 28],
    [249, 0xffffffe, 28],
    [10, 0x3ffffffc, 30],
    [22, 0x3ffffffe, 30],
    [EOS, 0x3fffffff, 30],
  ];
  for (const [symbol, code, length] of sample) {
    t.is(CODES[symbol], code, `symbol ${symbol}`);
    t.is(CODE_LENGTHS[symbol], length, `symbol ${symbol}`);
  }
});

test("the RFC's strings are coded to exactly its octets and back (C.4, C.6)", (t) => {
  for (const [text, hex] of [
    ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
    ['no-cache', 'a8eb10649cbf'],
    ['custom-key', '25a849e95ba97d7f'],
    ['custom-value', '25a849e95bb8e8b4bf'],
    ['302', '6402'],
    ['307', '640eff'],
    ['private', 'aec3771a4b'],
    ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
    ['https://www.example.com', '9d29ad171863c78f0b97c8e9ae82ae43d3'],
    ['gzip', '9bd9ab'],
  ] as const) {
    t.is(encode(text).toString('hex'), hex);
    t.is(decode(hex), text);
  }
});

test('every octet survives coding and decoding, alone and beside every bit offset', (t) => {
  for (let octet = 0; octet < 256; octet++)
    for (let offset = 0; offset < 8; offset++) {
      // '0' has five bits: n of them shift the octet by 5n modulo 8.
      const text = `${'0'.repeat(offset)}${String.fromCharCode(octet)}~`;
      const coded = encode(text);
      t.is(huffmanDecode(coded, 0, coded.length), text);
    }
});

test('any text survives, and its length was foretold', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(latin1Text(300), (text) => {
        const coded = encode(text);
        return coded.length === huffmanLength(text) && huffmanDecode(coded, 0, coded.length) === text;
      }),
    ),
  );
});

test('a string larger than the shared scratch buffer survives', (t) => {
  const text = Array.from({ length: 40_000 }, (_, i) => String.fromCharCode((i * 7) & 0xff)).join('');
  const coded = encode(text);
  t.is(huffmanDecode(coded, 0, coded.length), text);
});

test('whatever decodes is the coding of what it decoded to', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        const text = huffmanDecode(octets, 0, octets.length);
        return typeof text === 'number' || encode(text).equals(octets);
      }),
      { numRuns: 2000 },
    ),
  );
});

test('an empty string is valid', (t) => {
  t.is(decode(''), '');
});

test('EOS inside a string is rejected', (t) => {
  t.is(decode('ffffffff'), HUFFMAN_EOS);
  t.is(decode('07ffffffff'), HUFFMAN_EOS); // '0' and then EOS
  t.is(decode('fffffffc'), HUFFMAN_EOS);
});

test('padding of 8 bits and more is rejected', (t) => {
  t.is(decode('ff'), HUFFMAN_PADDING);
  t.is(decode('07ff'), HUFFMAN_PADDING); // 3 + 8 ones behind '0'
  t.is(decode('640effff'), HUFFMAN_PADDING);
});

test('padding that is not all ones is rejected', (t) => {
  t.is(decode('06'), HUFFMAN_PADDING); // '0' and 110
  t.is(decode('00'), HUFFMAN_PADDING); // '0' and 000
  t.is(decode('64'), HUFFMAN_PADDING); // '3' and 100
});

test('up to 7 bits of padding are accepted', (t) => {
  t.is(decode('07'), '0'); // 3 bits
  t.is(encode(':').toString('hex'), 'b9'); // 1 bit
  t.is(decode('b9'), ':');
});
