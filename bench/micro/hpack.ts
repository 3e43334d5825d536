/**
 * What a header block costs.
 *
 * The lists are those of a unary gRPC call as a client sends it; the blocks to decode are made by `HpackEncoder` or spelled out
 * in the manner of nghttp2, which sends `:path` as a literal every time.
 */
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../src/http2/hpack/encoder.ts';
import { HeaderList } from '../../src/http2/hpack/header_list.ts';
import { WITH_INDEXING, WITHOUT_INDEXING, writeIndexed, writeLiteral } from '../../src/http2/hpack/representation.ts';
import { keep, measure } from './measure.ts';

const REQUEST = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/helloworld.Greeter/SayHello'],
  [':authority', 'greeter.default:15001'],
  ['te', 'trailers'],
  ['content-type', 'application/grpc'],
  ['user-agent', 'grpc-node-js/1.14.7'],
  ['grpc-accept-encoding', 'identity,deflate,gzip'],
  ['accept-encoding', 'identity'],
] as const;

/** 1024 timeouts as gRPC clients write them: none repeats within the memory of any cache. */
const TIMEOUTS = Array.from({ length: 1024 }, (_, i) => `${4_990_000 + i * 7}u`);
const withTimeout = (i: number): HeaderList =>
  new HeaderList([...REQUEST.flat(), 'grpc-timeout', TIMEOUTS[i & 1023] as string]);

function encoded(encoder: HpackEncoder, list: HeaderList): Buffer {
  const out = Buffer.alloc(HpackEncoder.bound(list));
  return out.subarray(0, encoder.encode(list, out, 0));
}

/** A decoder in the state that follows `warm` blocks of one encoder, and the blocks that come then. */
function connection(lists: readonly HeaderList[], warm: number): { decoder: HpackDecoder; blocks: Buffer[] } {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(4096, 65_536);
  const blocks = lists.map((list) => encoded(encoder, list));
  for (const block of blocks.slice(0, warm)) decoder.decode(block, 0, block.length);
  return { decoder, blocks: blocks.slice(warm) };
}

/** Decodes the blocks in turn; they must leave the table as it was. */
function decodeInTurn(name: string, decoder: HpackDecoder, blocks: readonly Buffer[]): void {
  measure(`${name} (${(blocks[0] as Buffer).length} octets)`, (times) => {
    for (let i = 0; i < times; i++) {
      const block = blocks[i % blocks.length] as Buffer;
      keep((decoder.decode(block, 0, block.length) as HeaderList).size);
    }
  });
}

function decodeRepeated(): void {
  const list = new HeaderList(REQUEST.flat());
  const { decoder, blocks } = connection([list, list, list], 2);
  decodeInTurn('decode repeated, all indexed', decoder, blocks);
}

function decodeRepeatedLiteralPath(): void {
  const { decoder, blocks } = nghttp2Like(() => -1);
  decodeInTurn('decode repeated, literal :path', decoder, blocks.slice(-1));
}

function decodeChanging(): void {
  const { decoder, blocks } = connection(
    Array.from({ length: 1026 }, (_, i) => withTimeout(i)),
    2,
  );
  decodeInTurn('decode changing, literal grpc-timeout', decoder, blocks);
}

/** Blocks as nghttp2 writes them: everything but :path enters the table. `timeout` picks one per block, negative for none. */
function nghttp2Like(timeout: (block: number) => number): { decoder: HpackDecoder; blocks: Buffer[] } {
  const decoder = new HpackDecoder(4096, 65_536);
  const inserted: string[] = [];
  const blocks = Array.from({ length: 1500 }, (_, n) => {
    const out = Buffer.alloc(1024);
    let at = writeIndexed(out, writeIndexed(out, 0, 3), 6);
    at = writeLiteral(out, at, WITHOUT_INDEXING, 4, ...(REQUEST[2] as readonly [string, string]), true);
    const fields: (readonly [string, string])[] = REQUEST.slice(3);
    const chosen = timeout(n);
    if (chosen >= 0) fields.push(['grpc-timeout', TIMEOUTS[chosen] as string]);
    for (const [name, value] of fields) {
      const age = inserted.length - 1 - inserted.lastIndexOf(`${name}\n${value}`);
      // The table holds about 70 such entries; what is older is sent anew, as it would be after its eviction.
      if (age < Math.min(60, inserted.length)) at = writeIndexed(out, at, 62 + age);
      else {
        at = writeLiteral(out, at, WITH_INDEXING, 0, name, value, true);
        inserted.push(`${name}\n${value}`);
      }
    }
    const block = out.subarray(0, at);
    decoder.decode(block, 0, block.length);
    return block;
  });
  return { decoder, blocks };
}

function decodeInserting(): void {
  const { blocks } = nghttp2Like((n) => n & 1023);
  measure('decode changing, grpc-timeout inserted (nghttp2), whole connections', (times) => {
    for (let i = 0; i < times; ) {
      const decoder = new HpackDecoder(4096, 65_536);
      for (let k = 0; k < blocks.length && i < times; k++, i++) {
        const block = blocks[k] as Buffer;
        keep((decoder.decode(block, 0, block.length) as HeaderList).size);
      }
    }
  });
}

function decodeCold(): void {
  const block = nghttp2Like(() => -1).blocks[0] as Buffer;
  measure(`decode cold: new decoder, first block, Huffman (${block.length} octets)`, (times) => {
    for (let i = 0; i < times; i++)
      keep((new HpackDecoder(4096, 65_536).decode(block, 0, block.length) as HeaderList).size);
  });
}

const out = Buffer.alloc(4096);

/** Encodes on one connection; `pick` gives the list of each turn. */
function encodeInTurn(name: string, pick: (i: number) => HeaderList): void {
  const encoder = new HpackEncoder();
  for (let i = 0; i < 8; i++) encoder.encode(pick(i), out, 0);
  measure(name, (times) => {
    for (let i = 0; i < times; i++) keep(encoder.encode(pick(i), out, i & 63));
  });
}

function encodeRepeated(): void {
  const list = new HeaderList(REQUEST.flat());
  encodeInTurn('encode repeated, same list', () => list);
}

function encodeChanging(): void {
  const lists = Array.from({ length: 1024 }, (_, i) => withTimeout(i));
  encodeInTurn('encode changing, new grpc-timeout', (i) => lists[i & 1023] as HeaderList);
}

/** What a proxied request costs here when a client like grpc-js sets a deadline: the list is new each time, its strings partly. */
function relayChanging(): void {
  const { blocks } = nghttp2Like((n) => n & 1023);
  measure('decode and encode changing, grpc-timeout inserted (nghttp2)', (times) => {
    for (let i = 0; i < times; ) {
      const decoder = new HpackDecoder(4096, 65_536);
      const encoder = new HpackEncoder();
      for (let k = 0; k < blocks.length && i < times; k++, i++) {
        const block = blocks[k] as Buffer;
        keep(encoder.encode(decoder.decode(block, 0, block.length) as HeaderList, out, i & 63));
      }
    }
  });
}

function encodeCold(): void {
  const list = new HeaderList(REQUEST.flat());
  measure('encode cold: new encoder, first block', (times) => {
    for (let i = 0; i < times; i++) keep(new HpackEncoder().encode(list, out, 0));
  });
}

decodeRepeated();
decodeRepeatedLiteralPath();
decodeChanging();
decodeInserting();
decodeCold();
encodeRepeated();
encodeChanging();
relayChanging();
encodeCold();
