/** What it costs to put frames into an output buffer, and to hand a full one to the socket. */
import { FLAG, FRAME, FRAME_HEADER_SIZE, SETTING } from '../../src/http2/frame/codes.ts';
import {
  writeFrameHeader,
  writePing,
  writeRstStream,
  writeSettings,
  writeWindowUpdate,
} from '../../src/http2/frame/write.ts';
import { Output } from '../../src/http2/output.ts';
import { keep, measure } from './measure.ts';
import { nullSocket } from './null_socket.ts';

const out = Buffer.alloc(65_536);
const MESSAGES = [64, 1_024, 16_384] as const;
const SETTINGS = [SETTING.MAX_CONCURRENT_STREAMS, 100, SETTING.INITIAL_WINDOW_SIZE, 262_144];

function write(name: string, put: (at: number, i: number) => number): void {
  measure(`write ${name}`, (times) => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum += put(i & 0x7fff, i);
    keep(sum);
  });
}

write('a frame header', (at, i) => writeFrameHeader(out, at, i & 0x3fff, FRAME.DATA, FLAG.END_STREAM, i));
write('WINDOW_UPDATE', (at, i) => writeWindowUpdate(out, at, i, 65_536));
write('RST_STREAM', (at, i) => writeRstStream(out, at, i, 8));
write('PING', (at) => writePing(out, at, true, out, 0));
write('SETTINGS with two settings', (at) => writeSettings(out, at, SETTINGS));

for (const size of MESSAGES) {
  const message = Buffer.alloc(size, 1);
  const perFlush = Math.max(1, Math.floor(32_768 / size));
  const output = new Output(
    nullSocket(),
    () => {},
    () => {},
  );
  measure(`append DATA of ${size} octets, flushed every ${perFlush}`, (times) => {
    for (let i = 1; i <= times; i++) {
      const buffer = output.reserve(FRAME_HEADER_SIZE);
      output.commit(writeFrameHeader(buffer, output.at, size, FRAME.DATA, 0, 1));
      output.payload(message, 0, size, null, false);
      if (i % perFlush === 0) output.flush();
    }
  });
}
