import test from 'ava';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/http2/hpack/encoder.ts';
import { HeaderList } from '../../../src/http2/hpack/header_list.ts';

/** An encoder and the peer's decoder, which must always agree. */
function pair() {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(4096, 1 << 20);
  return {
    encoder,
    decoder,
    /** The block for `list` in hex, after the decoder has confirmed it. */
    send(list: HeaderList): string {
      const out = Buffer.alloc(HpackEncoder.bound(list) + 5);
      const end = encoder.encode(list, out, 5);
      const decoded = decoder.decode(out, 5, end);
      if (JSON.stringify(decoded?.fields) !== JSON.stringify(list.fields))
        throw new Error(`decoded to ${decoder.error}`);
      if (decoder.tableSize !== encoder.tableSize) throw new Error('the tables differ');
      return out.toString('hex', 5, end);
    },
  };
}

const list = (...fields: string[]): HeaderList => new HeaderList(fields);

test('a field of the static table is indexed on first sight', (t) => {
  const { send } = pair();
  t.is(send(list(':method', 'POST', ':scheme', 'http', ':path', '/', ':status', '200')), '83868488');
});

test('a field enters the table when it comes for the second time, and is an index from the third', (t) => {
  const { send, encoder } = pair();
  const blocks = [1, 2, 3, 4].map(() => send(list(':authority', 'a.example')));
  t.is(encoder.tableSize, 10 + 9 + 32);
  t.is(blocks[0], `0109${Buffer.from('a.example').toString('hex')}`);
  t.true(blocks[1]?.startsWith('4187'));
  t.deepEqual(blocks.slice(2), ['be', 'be']);
});

test('a name that is in the table is not spelled out again', (t) => {
  const { send } = pair();
  for (let i = 0; i < 2; i++) send(list('x-name', 'one'));
  t.is(send(list('x-name', 'two')), '0f2f0374776f');
});

test('values that are new each time never touch the table', (t) => {
  const { send, encoder } = pair();
  const stable = [':method', 'POST', ':path', '/a/B', 'te', 'trailers', 'content-type', 'application/grpc'];
  for (let i = 0; i < 3; i++) send(list(...stable, 'grpc-timeout', `${i}m`));
  const { tableEpoch, tableSize } = encoder;
  for (let i = 0; i < 2000; i++)
    send(
      list(...stable, 'grpc-timeout', `${499_000 + i}u`, 'x-request-id', `id-${i}`, 'traceparent', `00-${i}-${i}-01`),
    );
  t.is(encoder.tableEpoch, tableEpoch);
  t.is(encoder.tableSize, tableSize);
});

test('values that come a few times and never again soon stop entering the table', (t) => {
  const { send, encoder } = pair();
  for (let i = 0; i < 1000; i++) for (let k = 0; k < 3; k++) send(list('x-request-id', `id-${i}`));
  t.true(encoder.tableEpoch < 300, `${encoder.tableEpoch} insertions`);
});

test('many values that all repeat are all indexed in the end', (t) => {
  const { send } = pair();
  const paths = Array.from({ length: 30 }, (_, i) => list(':method', 'POST', ':path', `/package.Service/Method${i}`));
  for (let round = 0; round < 40; round++) for (const path of paths) send(new HeaderList(path.fields));
  t.true(paths.every((path) => send(new HeaderList(path.fields)).length === 4));
});

test('never-indexed fields stay literals that are never indexed, also when the pair is in the table', (t) => {
  const { send, encoder } = pair();
  for (let i = 0; i < 3; i++) send(list('authorization', 'secret'));
  const before = encoder.tableSize;
  const secret = new HeaderList(['authorization', 'secret', 'x-key', 'k'], [0, 2]);
  for (let i = 0; i < 4; i++) t.is(send(secret), '1f0806736563726574' + '1005782d6b6579' + '016b');
  t.is(encoder.tableSize, before);
});

test('never-indexed survives decoding and encoding, whatever the order it was given in', (t) => {
  const { encoder } = pair();
  const decoder = new HpackDecoder(4096, 65_536);
  const mixed = new HeaderList(['a', '1', 'b', '2', 'c', '3'], [4, 0]);
  const out = Buffer.alloc(HpackEncoder.bound(mixed));
  for (let i = 0; i < 4; i++) t.deepEqual(decoder.decode(out, 0, encoder.encode(mixed, out, 0))?.neverIndexed, [0, 4]);
});

test('a field that would take more than half the table stays out of it', (t) => {
  const { send, encoder } = pair();
  for (let i = 0; i < 4; i++) send(list('cookie', 'c'.repeat(2011)));
  t.is(encoder.tableSize, 0);
  for (let i = 0; i < 2; i++) send(list('cookie', 'c'.repeat(2010)));
  t.is(encoder.tableSize, 2048);
});

test('the same list object gives the same octets again, and other octets when the table has changed', (t) => {
  const { send } = pair();
  const stable = list('x-name', 'one', 'x-other', 'two');
  for (let i = 0; i < 2; i++) send(stable);
  t.deepEqual(
    Array.from({ length: 5 }, () => send(stable)),
    Array(5).fill('bfbe'),
  );
  for (let i = 0; i < 2; i++) send(list('x-third', 'three'));
  t.deepEqual(
    Array.from({ length: 5 }, () => send(stable)),
    Array(5).fill('c0bf'),
  );
});

test('different lists that share a slot of the cache are not mixed up', (t) => {
  const { send } = pair();
  const lists = Array.from({ length: 300 }, (_, i) => list('x-name', `value ${i}`, ':method', 'GET'));
  t.notThrows(() => {
    for (let round = 0; round < 4; round++) for (const one of lists) for (let i = 0; i < 3; i++) send(one);
  });
});

test('endless new names are encoded, and names that matter are still indexed afterwards', (t) => {
  const { send } = pair();
  for (let i = 0; i < 5000; i++) send(list(`x-${i}`, 'v'));
  for (let i = 0; i < 20; i++) send(list('x-late', 'v'));
  t.is(send(list('x-late', 'v')), 'be');
  t.notThrows(() => {
    for (let i = 0; i < 3; i++) send(list('n'.repeat(5000), 'v'));
  });
});

test('repeated names keep their order and values', (t) => {
  const { send } = pair();
  for (let i = 0; i < 5; i++)
    send(list('cookie', 'a=1', 'cookie', 'b=2', 'cookie', 'a=1', 'set-cookie', '', 'cookie', ''));
  t.pass();
});

test('a lowered maximum is signalled once, at the start of the next block', (t) => {
  const { encoder, decoder, send } = pair();
  for (let i = 0; i < 3; i++) send(list('x-name', 'one'));
  encoder.setPeerMaxTableSize(0);
  decoder.setMaxTableSize(0);
  t.true(send(list(':method', 'GET')).startsWith('2082'));
  t.is(encoder.tableSize, 0);
  t.is(send(list(':method', 'GET')), '82');
  for (let i = 0; i < 3; i++) send(list('x-name', 'one'));
  t.is(encoder.tableSize, 0);
});

test('lowered and raised between two blocks: the smallest is signalled, then the last', (t) => {
  const { encoder, decoder, send } = pair();
  for (let i = 0; i < 3; i++) send(list('x-name', 'one'));
  for (const size of [2000, 30, 100, 8192]) {
    encoder.setPeerMaxTableSize(size);
    decoder.setMaxTableSize(size);
  }
  t.is(send(list(':method', 'GET')), '3e3fe11f82');
  t.is(encoder.tableSize, 0);
});

test('a peer that offers more than 4096 octets is told nothing, since we use no more', (t) => {
  const { encoder, decoder, send } = pair();
  encoder.setPeerMaxTableSize(65_536);
  decoder.setMaxTableSize(65_536);
  t.is(send(list(':method', 'GET')), '82');
});

test('the room foretold is enough for literals of every length, with size updates before them', (t) => {
  for (let length = 0; length < 400; length++) {
    const one = new HeaderList(['n'.repeat(length), '\u00ff'.repeat(length)], [0]);
    const encoder = new HpackEncoder();
    encoder.setPeerMaxTableSize(0);
    encoder.setPeerMaxTableSize(4095);
    const out = Buffer.alloc(20_000);
    t.true(encoder.encode(one, out, 0) <= HpackEncoder.bound(one));
  }
});
