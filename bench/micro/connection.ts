/** What the engine costs for one unary request in the server's role: bytes in, frames, HPACK, rules, streams, answer, bytes out. */
import { Connection } from '../../src/http2/connection.ts';
import type { ConnectionOwner } from '../../src/http2/connection_owner.ts';
import { Flusher } from '../../src/http2/flusher.ts';
import { FLAG, FRAME, FRAME_HEADER_SIZE, MAX_WINDOW, PREFACE } from '../../src/http2/frame/codes.ts';
import { writeFrameHeader, writeSettings, writeWindowUpdate } from '../../src/http2/frame/write.ts';
import { HpackEncoder } from '../../src/http2/hpack/encoder.ts';
import { HeaderList } from '../../src/http2/hpack/header_list.ts';
import { DOWNSTREAM_LIMITS } from '../../src/http2/limits.ts';
import type { Stream } from '../../src/http2/streams/stream.ts';
import { keep, measure } from './measure.ts';
import { nullSocket } from './null_socket.ts';

const REQUEST = new HeaderList([
  ...[':method', 'POST', ':scheme', 'http', ':path', '/helloworld.Greeter/SayHello', ':authority', 'greeter'],
  ...['content-type', 'application/grpc', 'te', 'trailers', 'x-version', 'v1'],
]);
const RESPONSE = new HeaderList([':status', '200', 'content-type', 'application/grpc']);
const TRAILERS = new HeaderList(['grpc-status', '0']);
const MESSAGE = Buffer.alloc(64, 'm');
/** What one read of a busy socket brings. */
const BATCH = 100;

/** Answers every request as soon as it has ended. */
class Answering implements ConnectionOwner {
  answered = 0;
  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    const { connection } = stream;
    connection.credit(stream, end - start);
    if (!endStream) return;
    connection.headers(stream, RESPONSE, false);
    connection.data(stream, buf, start, end, false, null);
    connection.trailers(stream, TRAILERS);
    this.answered++;
  }
  onReady(): void {}
  onRequest(): void {}
  onInformational(): void {}
  onResponse(): void {}
  onTrailers(): void {}
  onReset(): void {}
  onStreamClosed(): void {}
  onGoaway(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
  onProtocolError(token: string): void {
    throw new Error(token);
  }
  onClosed(): void {}
}

/** The client's first bytes: preface, SETTINGS, and a connection window that does not run out. */
function opening(): Buffer {
  const out = Buffer.alloc(128);
  let at = PREFACE.copy(out);
  at = writeSettings(out, at, []);
  return out.subarray(0, writeWindowUpdate(out, at, 0, MAX_WINDOW - 65_535));
}

/** A batch of requests, and where their stream ids stand. */
function requests(encoder: HpackEncoder): { bytes: Buffer; ids: number[] } {
  const out = Buffer.alloc(BATCH * 512);
  const ids: number[] = [];
  let at = 0;
  for (let i = 0; i < BATCH; i++) {
    const block = encoder.encode(REQUEST, out, at + FRAME_HEADER_SIZE) - at - FRAME_HEADER_SIZE;
    ids.push(at + 5);
    at = writeFrameHeader(out, at, block, FRAME.HEADERS, FLAG.END_HEADERS, 0) + block;
    ids.push(at + 5);
    at = writeFrameHeader(out, at, MESSAGE.length, FRAME.DATA, FLAG.END_STREAM, 0);
    at += MESSAGE.copy(out, at);
  }
  return { bytes: out.subarray(0, at), ids };
}

const owner = new Answering();
const connection = new Connection(nullSocket(), 'server', owner, DOWNSTREAM_LIMITS, new Flusher());
let nextId = 1;

function receiveBatch({ bytes, ids }: { bytes: Buffer; ids: number[] }): void {
  for (let i = 0; i < ids.length; i += 2) {
    bytes.writeUInt32BE(nextId, ids[i] as number);
    bytes.writeUInt32BE(nextId, ids[i + 1] as number);
    nextId += 2;
  }
  connection.receive(bytes);
  connection.sender.flush();
}

connection.receive(opening());
const encoder = new HpackEncoder();
// The first one fills the encoder's table; from then on all blocks are the same.
receiveBatch(requests(encoder));
const batch = requests(encoder);
const receiveAll = (times: number): void => {
  for (let done = 0; done < times; done++) receiveBatch(batch);
  keep(owner.answered);
};
measure('receive and answer a unary request of 64 octets, repeated headers', receiveAll, BATCH);
if (owner.answered * 2 + 1 !== nextId) throw new Error(`answered ${owner.answered} of ${(nextId - 1) / 2} requests`);
