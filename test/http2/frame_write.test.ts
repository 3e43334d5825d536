import test from 'ava';
import fc from 'fast-check';
import { ERROR, errorName, FRAME } from '../../src/http2/frame/codes.ts';
import { readUint16, readUint24, readUint31, readUint32 } from '../../src/http2/frame/read.ts';
import {
  PING_SIZE,
  RST_STREAM_SIZE,
  WINDOW_UPDATE_SIZE,
  writeFrameHeader,
  writeGoaway,
  writePing,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from '../../src/http2/frame/write.ts';
import { FrameReader } from '../../src/http2/frame_reader.ts';
import { frame, goaway, ping, rstStream, settings, settingsAck, windowUpdate } from '../support/wire_frames.ts';

const uint31 = fc.integer({ min: 0, max: 0x7fff_ffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const ascii = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 });

/** What a writer leaves in a buffer that held something else, at an offset of 5. */
function written(write: (out: Buffer, at: number) => number): Buffer {
  const out = Buffer.alloc(400, 0xaa);
  const end = write(out, 5);
  if (!out.subarray(0, 5).every((octet) => octet === 0xaa)) throw new Error('written before the offset');
  if (!out.subarray(end).every((octet) => octet === 0xaa)) throw new Error('written beyond the end');
  return out.subarray(5, end);
}

/** Both must be the same octets, and one whole frame to the reader. */
function same(ours: Buffer, theirs: Buffer): void {
  if (!ours.equals(theirs)) throw new Error(`${ours.toString('hex')} is not ${theirs.toString('hex')}`);
  let frames = 0;
  const reader = new FrameReader(
    {
      closed: false,
      frame: (type, flags, id, buf, start, end) => {
        frames++;
        if (!frame(type, flags, id, buf.subarray(start, end)).equals(theirs)) throw new Error('read as something else');
      },
      dataBegin: () => {},
      data: () => {},
      frameError: (token) => {
        throw new Error(token);
      },
    },
    16_384,
  );
  reader.read(ours, 0);
  if (frames !== 1) throw new Error(`read as ${frames} frames`);
}

test('what the writers write is what RFC 9113 section 6 says, and what the reader reads', (t) => {
  t.notThrows(() => {
    fc.assert(
      fc.property(uint31, uint32, (id, code) =>
        same(
          written((out, at) => writeRstStream(out, at, id, code)),
          rstStream(id, code),
        ),
      ),
    );
    fc.assert(
      fc.property(uint31, uint31, (id, increment) =>
        same(
          written((out, at) => writeWindowUpdate(out, at, id, increment)),
          windowUpdate(id, increment),
        ),
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.boolean(), fc.nat(9), (octets, ack, start) => {
        const source = Buffer.concat([Buffer.alloc(start, 0xee), octets, Buffer.from('after')]);
        same(
          written((out, at) => writePing(out, at, ack, source, start)),
          ping(octets, ack),
        );
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 0xffff }), uint32), { maxLength: 20 }), (pairs) =>
        same(
          written((out, at) => writeSettings(out, at, pairs.flat())),
          settings(...pairs),
        ),
      ),
    );
    fc.assert(
      fc.property(uint31, uint32, ascii, (id, code, debug) =>
        same(
          written((out, at) => writeGoaway(out, at, id, code, debug)),
          goaway(id, code, code === ERROR.NO_ERROR ? '' : debug),
        ),
      ),
    );
    same(written(writeSettingsAck), settingsAck());
  });
});

test('a GOAWAY with NO_ERROR carries no debug data', (t) => {
  t.deepEqual(
    written((out, at) => writeGoaway(out, at, 7, ERROR.NO_ERROR, 'nothing wrong')),
    goaway(7, 0),
  );
});

test('a frame header has the length in 24 bits', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xff_ffff }), uint31, (length, id) => {
      const octets = written((out, at) => writeFrameHeader(out, at, length, FRAME.DATA, 1, id));
      return octets.equals(frame('DATA', 1, id, Buffer.alloc(0), length));
    }),
  );
  t.pass();
});

test('the announced sizes are the sizes that are written', (t) => {
  t.is(written((out, at) => writeRstStream(out, at, 1, 0)).length, RST_STREAM_SIZE);
  t.is(written((out, at) => writeWindowUpdate(out, at, 1, 1)).length, WINDOW_UPDATE_SIZE);
  t.is(written((out, at) => writePing(out, at, false, Buffer.alloc(8), 0)).length, PING_SIZE);
});

test('the reads agree with those of Buffer, without the reserved bit where there is one', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (octets) => {
      const buf = Buffer.from(octets);
      return (
        readUint32(buf, 0) === buf.readUInt32BE(0) &&
        readUint31(buf, 0) === (buf.readUInt32BE(0) & 0x7fff_ffff) &&
        readUint24(buf, 1) === buf.readUIntBE(1, 3) &&
        readUint16(buf, 2) === buf.readUInt16BE(2)
      );
    }),
  );
  t.pass();
});

test('error codes have the names of RFC 9113 section 7; others show as hexadecimal', (t) => {
  t.is(errorName(0), 'NO_ERROR');
  t.is(errorName(0xb), 'ENHANCE_YOUR_CALM');
  t.is(errorName(0xd), 'HTTP_1_1_REQUIRED');
  t.is(errorName(0xe), '0xe');
  t.is(errorName(0xffff_ffff), '0xffffffff');
});
