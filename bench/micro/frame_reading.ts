/** What it costs to take frames apart: a canned connection of 10,000 frames, in the chunks that a socket delivers. */
import { FLAG, FRAME, MIN_MAX_FRAME_SIZE } from '../../src/http2/frame/codes.ts';
import { writeFrameHeader, writeWindowUpdate } from '../../src/http2/frame/write.ts';
import { FrameReader, type FrameSink } from '../../src/http2/frame_reader.ts';
import { keep, measure } from './measure.ts';

const FRAMES = 10_000;
const HEADER_BLOCK = 24;
const MESSAGE = 64;
const LARGE = 16_384;

/** Counts what it is told, so that nothing can be left out. */
const sink: FrameSink & { octets: number } = {
  octets: 0,
  closed: false,
  frame(type, _flags, _streamId, _buf, start, end) {
    this.octets += type + end - start;
  },
  dataBegin(streamId, _flags, length) {
    this.octets += streamId + length;
  },
  data(_buf, start, end) {
    this.octets += end - start;
  },
  frameError(token) {
    throw new Error(token);
  },
};

/** As a client sends unary calls: HEADERS, DATA that ends the stream, and a WINDOW_UPDATE now and then. */
function unaryCalls(): Buffer {
  const out = Buffer.alloc(FRAMES * 80);
  let at = 0;
  for (let frame = 0; frame < FRAMES; frame++) {
    const streamId = frame | 1;
    if (frame % 20 === 19) at = writeWindowUpdate(out, at, 0, MESSAGE);
    else if (frame % 2 === 0)
      at = writeFrameHeader(out, at, HEADER_BLOCK, FRAME.HEADERS, FLAG.END_HEADERS, streamId) + HEADER_BLOCK;
    else at = writeFrameHeader(out, at, MESSAGE, FRAME.DATA, FLAG.END_STREAM, streamId) + MESSAGE;
  }
  return out.subarray(0, at);
}

/** A large answer: full DATA frames. */
function largeBody(): Buffer {
  const frames = 100;
  const out = Buffer.alloc(frames * (LARGE + 9));
  let at = 0;
  for (let frame = 0; frame < frames; frame++) at = writeFrameHeader(out, at, LARGE, FRAME.DATA, 0, 1) + LARGE;
  return out;
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

/** Reads the chunks, which hold so many frames, again and again. */
function readAll(name: string, chunks: readonly Buffer[], frames: number): void {
  const reader = new FrameReader(sink, MIN_MAX_FRAME_SIZE);
  const read = (times: number): void => {
    for (let done = 0; done < times; done++) {
      for (let i = 0; i < chunks.length; i++) reader.read(chunks[i] as Buffer, 0);
    }
    keep(sink.octets);
    sink.octets = 0;
  };
  measure(name, read, frames);
}

readAll('read a frame of unary calls, chunks of 64 KiB', cut(unaryCalls(), 65_536), FRAMES);
readAll('read a frame of unary calls, chunks of 1,000 octets', cut(unaryCalls(), 1_000), FRAMES);
readAll('read a frame of unary calls, chunks of 50 octets', cut(unaryCalls(), 50), FRAMES);
readAll('read a DATA frame of 16 KiB, chunks of 64 KiB', cut(largeBody(), 65_536), 100);
