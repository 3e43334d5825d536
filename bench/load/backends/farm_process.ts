/**
 * Many HTTP/2 instances in one cheap process: `node farm_process.ts COUNT reply|hold`. It writes frames by hand, so that
 * a thousand connections at once cost it little and the load beside it goes on. On standard input, `connected N` asks to be told
 * when N instances have been connected to (a client has sent its SETTINGS).
 */
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { FLAG, FRAME, MIN_MAX_FRAME_SIZE, PREFACE } from '../../../src/http2/frame/codes.ts';
import {
  writeFrameHeader,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from '../../../src/http2/frame/write.ts';
import { FrameReader } from '../../../src/http2/frame_reader.ts';
import { farmHost } from './farm.ts';

const count = Number(process.argv[2]);
const hold = process.argv[3] === 'hold';
/** `:status: 200`, the eighth entry of the static table, RFC 7541 appendix A. */
const STATUS_200 = 0x88;

const settings = frame((out) => writeSettings(out, 0, []));
const settingsAck = frame((out) => writeSettingsAck(out, 0));

const connected = new Set<number>();
const asked: number[] = [];

function frame(write: (out: Buffer) => number): Buffer {
  const out = Buffer.alloc(64);
  return out.subarray(0, write(out));
}

/** Response headers, which end the stream or leave it open. */
function answer(streamId: number): Buffer {
  return frame((out) => {
    const flags = FLAG.END_HEADERS | (hold ? 0 : FLAG.END_STREAM);
    const at = writeFrameHeader(out, 0, 1, FRAME.HEADERS, flags, streamId);
    out[at] = STATUS_200;
    return at + 1;
  });
}

function markConnected(index: number): void {
  connected.add(index);
  tell();
}

function tell(): void {
  const now = performance.timeOrigin + performance.now();
  while (asked.length > 0 && connected.size >= (asked[0] as number)) {
    process.stdout.write(`connected ${asked.shift()} at ${now}\n`);
  }
}

function serve(socket: Socket, index: number): void {
  let skip = PREFACE.length;
  socket.setNoDelay(true);
  socket.on('error', () => {}); // the client went away
  socket.write(settings);
  const reader = new FrameReader(
    {
      closed: false,
      frame(type, flags, streamId, buf, start, end) {
        if (type === FRAME.SETTINGS && (flags & FLAG.ACK) === 0) {
          socket.write(settingsAck);
          markConnected(index);
        } else if (type === FRAME.HEADERS) socket.write(answer(streamId));
        else if (type === FRAME.PING && (flags & FLAG.ACK) === 0) {
          const pong = Buffer.alloc(17);
          buf.copy(pong, writeFrameHeader(pong, 0, 8, FRAME.PING, FLAG.ACK, 0), start, end);
          socket.write(pong);
        }
      },
      dataBegin(_streamId, _flags, length) {
        if (length > 0) socket.write(frame((out) => writeWindowUpdate(out, 0, 0, length)));
      },
      data() {},
      frameError() {
        socket.destroy();
      },
    },
    MIN_MAX_FRAME_SIZE,
  );
  socket.on('data', (chunk: Buffer) => {
    const from = Math.min(skip, chunk.length);
    skip -= from;
    if (from < chunk.length) reader.read(chunk, from);
  });
}

function listen(index: number, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => serve(socket, index));
    server.once('error', reject);
    server.listen(port, farmHost(index), () => resolve((server.address() as { port: number }).port));
  });
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const match = /^connected (\d+)$/.exec(line);
    if (match === null) return;
    asked.push(Number(match[1]));
    asked.sort((a, b) => a - b);
    tell();
  })
  .on('close', () => process.exit(0));

const port = await listen(0, 0);
for (let index = 1; index < count; index++) await listen(index, port);
process.stdout.write(`listening on ${port}\n`);
