import test from 'ava';
import fc from 'fast-check';
import { FLAG } from '../../src/http2/frame/codes.ts';
import { FrameReader, type FrameSink } from '../../src/http2/frame_reader.ts';
import type { ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import {
  cutHeaders,
  data,
  frame,
  goaway,
  headers,
  PADDED,
  ping,
  priority,
  rstStream,
  settings,
  settingsAck,
  TYPES,
  uint32,
  windowUpdate,
} from '../support/wire_frames.ts';
import { GET } from '../support/wire_setup.ts';

const MAX_FRAME_SIZE = 16_384;

/** What a reader told: one line per frame, and DATA joined, since its parts may be cut anywhere. */
class Transcript implements FrameSink {
  closed = false;
  readonly lines: string[] = [];
  /** Calls of `data` for the frame at hand. */
  #content: Buffer[] | null = null;
  #head = '';

  frame(type: number, flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    this.#settled();
    this.lines.push(`${TYPES[type] ?? type} ${flags} ${streamId} ${buf.toString('hex', start, end)}`);
  }
  dataBegin(streamId: number, flags: number, length: number): void {
    this.#settled();
    this.#content = [];
    this.#head = `DATA ${flags} ${streamId} (${length})`;
  }
  data(buf: Buffer, start: number, end: number, last: boolean): void {
    if (this.#content === null) throw new Error('content without a frame, or after its last part');
    if (start === end && !last) throw new Error('an empty part');
    this.#content.push(Buffer.from(buf.subarray(start, end)));
    if (!last) return;
    this.lines.push(`${this.#head} ${Buffer.concat(this.#content).toString('hex')}`);
    this.#content = null;
  }
  frameError(token: ProtocolErrorToken): void {
    this.closed = true;
    this.lines.push(`error ${token}`);
  }
  #settled(): void {
    if (this.#content !== null) throw new Error('the frame before has had no last part');
  }
}

function read(chunks: readonly Buffer[]): string[] {
  const transcript = new Transcript();
  const reader = new FrameReader(transcript, MAX_FRAME_SIZE);
  // Each chunk in memory of its own, which is overwritten afterwards: a payload is only valid during the call.
  for (const chunk of chunks) {
    const own = Buffer.from(chunk);
    reader.read(own, 0);
    own.fill(0xdd);
  }
  return transcript.lines;
}

function cutAt(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [0, ...cuts, octets.length];
  return edges.slice(1).map((to, i) => octets.subarray(edges[i], to));
}

const EVERY_TYPE: readonly (readonly [octets: Buffer, line: string])[] = [
  [settings([3, 100], [4, 65_536]), 'SETTINGS 0 0 000300000064000400010000'],
  [settingsAck(), 'SETTINGS 1 0 '],
  [headers(1, Buffer.from([0x82, 0x84])), 'HEADERS 4 1 8284'],
  [data(1, 'hello'), 'DATA 0 1 (5) 68656c6c6f'],
  [data(1, ''), 'DATA 0 1 (0) '],
  [data(1, 'hi', { padding: 3 }), 'DATA 8 1 (6) 6869'],
  [data(1, 'hi', { padding: 0 }), 'DATA 8 1 (3) 6869'],
  [data(1, '', { padding: 4 }), 'DATA 8 1 (5) '],
  [data(1, '', { padding: 0 }), 'DATA 8 1 (1) '],
  [priority(3, 1), 'PRIORITY 0 3 000000010f'],
  [rstStream(3, 8), 'RST_STREAM 0 3 00000008'],
  [frame('PUSH_PROMISE', 4, 5, uint32(2)), 'PUSH_PROMISE 4 5 00000002'],
  [ping('abcdefgh'), 'PING 0 0 6162636465666768'],
  [windowUpdate(7, 1000), 'WINDOW_UPDATE 0 7 000003e8'],
  [frame('CONTINUATION', 4, 9, Buffer.from([0x88])), 'CONTINUATION 4 9 88'],
  [frame(0xbe, 0xff, 11, Buffer.from('ext')), '190 255 11 657874'],
  [frame('PING', 0, 0x8000_0000, Buffer.from('reserved')), 'PING 0 0 7265736572766564'],
  [data(0x7fff_ffff, 'end', { end: true }), 'DATA 1 2147483647 (3) 656e64'],
  [goaway(9, 2, 'why'), 'GOAWAY 0 0 0000000900000002776879'],
];
const STREAM = Buffer.concat(EVERY_TYPE.map(([octets]) => octets));
const LINES = EVERY_TYPE.map(([, line]) => line);

test('frames of every type are taken apart, the reserved bit of the stream id is ignored (RFC 9113 section 4.1)', (t) => {
  t.deepEqual(read([STREAM]), LINES);
});

test('a stream that is cut in two, at every position, gives the same frames', (t) => {
  for (let at = 1; at < STREAM.length; at++) t.deepEqual(read(cutAt(STREAM, [at])), LINES, `cut at ${at}`);
});

test('a stream that arrives octet by octet gives the same frames', (t) => {
  t.deepEqual(read(Array.from(STREAM, (octet) => Buffer.from([octet]))), LINES);
});

test('empty chunks change nothing', (t) => {
  t.deepEqual(read([Buffer.alloc(0), ...cutAt(STREAM, [20, 20, 27, 27]), Buffer.alloc(0)]), LINES);
});

test('it tells how many frames there were, of DATA also the parts', (t) => {
  const reader = new FrameReader(new Transcript(), MAX_FRAME_SIZE);
  const some = Buffer.concat([ping('12345678'), data(1, 'some content'), data(1, ''), settings()]);
  t.is(reader.read(some, 0), 4);
  const cut = data(1, 'some content');
  t.is(reader.read(cut, 0, 15), 1);
  t.is(reader.read(cut, 15), 1);
  t.is(reader.read(Buffer.alloc(0), 0), 0);
});

test('reading begins at the offset that is given', (t) => {
  const transcript = new Transcript();
  new FrameReader(transcript, MAX_FRAME_SIZE).read(Buffer.concat([Buffer.from('before'), STREAM]), 6);
  t.deepEqual(transcript.lines, LINES);
});

test('a frame of exactly the largest size is read, one octet more is refused before its payload comes (RFC 9113 section 4.2)', (t) => {
  const largest = frame('HEADERS', 4, 1, Buffer.alloc(MAX_FRAME_SIZE, 0x82));
  t.deepEqual(read([largest]), [`HEADERS 4 1 ${'82'.repeat(MAX_FRAME_SIZE)}`]);
  t.deepEqual(read(cutAt(largest, [10, 5000])), [`HEADERS 4 1 ${'82'.repeat(MAX_FRAME_SIZE)}`]);
  for (const type of ['DATA', 'HEADERS', 'SETTINGS'] as const) {
    const head = frame(type, 0, 1, Buffer.alloc(0), MAX_FRAME_SIZE + 1);
    t.deepEqual(read([head]), ['error frame_too_large'], type);
    t.deepEqual(read(cutAt(head, [4])), ['error frame_too_large'], type);
  }
});

test('padding that leaves no room for itself is refused, wherever the frame is cut (RFC 9113 section 6.1)', (t) => {
  const wrong = [Buffer.alloc(0), Buffer.from([1]), Buffer.from([255, 0, 0]), Buffer.from([3, 0, 0])];
  for (const payload of wrong) {
    const octets = frame('DATA', PADDED, 1, payload);
    for (let at = 0; at <= octets.length; at++) t.deepEqual(read(cutAt(octets, [at])), ['error data_padding_too_long']);
  }
});

test('nothing is read after an error, nor once the sink is closed', (t) => {
  t.deepEqual(read([frame('DATA', PADDED, 1, Buffer.from([9])), STREAM]), ['error data_padding_too_long']);
  const transcript = new Transcript();
  transcript.frame = () => {
    transcript.closed = true;
    transcript.lines.push('closed by a frame');
  };
  const reader = new FrameReader(transcript, MAX_FRAME_SIZE);
  reader.read(STREAM, 0);
  reader.read(STREAM, 0);
  t.deepEqual(transcript.lines, ['closed by a frame']);
});

const payload = (max: number) => fc.uint8Array({ maxLength: max }).map((octets) => Buffer.from(octets));
const streamId = fc.integer({ min: 0, max: 0x7fff_ffff });
const anyFrame = fc.oneof(
  fc
    .tuple(streamId, payload(40), fc.boolean(), fc.option(fc.integer({ min: 0, max: 255 })))
    .map(([id, content, end, padding]) => ({
      octets: data(id, content, { end, padding }),
      line: `DATA ${(end ? FLAG.END_STREAM : 0) | (padding === null ? 0 : PADDED)} ${id} (${content.length + (padding === null ? 0 : padding + 1)}) ${content.toString('hex')}`,
    })),
  fc
    .tuple(fc.integer({ min: 1, max: 255 }), fc.integer({ min: 0, max: 255 }), streamId, payload(60))
    .map(([type, flags, id, content]) => ({
      octets: frame(type, flags, id, content),
      line: `${TYPES[type] ?? type} ${flags} ${id} ${content.toString('hex')}`,
    })),
);

test('any frames, cut anywhere, come out as they went in', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 12 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
        (frames, fractions) => {
          const octets = Buffer.concat(frames.map((each) => each.octets));
          const cuts = fractions.map((fraction) => Math.floor(fraction * octets.length)).sort((a, b) => a - b);
          const lines = read(cutAt(octets, cuts));
          if (JSON.stringify(lines) !== JSON.stringify(frames.map((each) => each.line)))
            throw new Error(`cut at ${cuts}: ${lines.join('; ')}`);
        },
      ),
      { numRuns: 1500 },
    ),
  );
});

test('a header block over several frames is handed on frame by frame', (t) => {
  const frames = cutHeaders(1, GET, [3, 9]);
  t.deepEqual(
    read(frames).map((line) => line.split(' ').slice(0, 3).join(' ')),
    ['HEADERS 0 1', 'CONTINUATION 0 1', 'CONTINUATION 4 1'],
  );
});
