import { ERROR, FLAG, FRAME, FRAME_HEADER_SIZE } from './codes.ts';

/*
 * Each writer puts one frame at `at` and returns the offset after it. The caller has made room. Bytes are stored one by one:
 * for so few, that is faster than the checked `Buffer.writeUInt32BE`.
 */

/** A frame header, RFC 9113 section 4.1. */
export function writeFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  out[at + 5] = streamId >>> 24;
  out[at + 6] = streamId >>> 16;
  out[at + 7] = streamId >>> 8;
  out[at + 8] = streamId;
  return at + FRAME_HEADER_SIZE;
}

function writeUint32(out: Buffer, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
}

export const RST_STREAM_SIZE = 13;
export function writeRstStream(out: Buffer, at: number, streamId: number, code: number): number {
  return writeUint32(out, writeFrameHeader(out, at, 4, FRAME.RST_STREAM, 0, streamId), code);
}

export const WINDOW_UPDATE_SIZE = 13;
export function writeWindowUpdate(out: Buffer, at: number, streamId: number, increment: number): number {
  return writeUint32(out, writeFrameHeader(out, at, 4, FRAME.WINDOW_UPDATE, 0, streamId), increment);
}

export const PING_SIZE = 17;
/** `data` holds the eight opaque octets from `start` on. */
export function writePing(out: Buffer, at: number, ack: boolean, data: Uint8Array, start: number): number {
  let end = writeFrameHeader(out, at, 8, FRAME.PING, ack ? FLAG.ACK : 0, 0);
  for (let i = 0; i < 8; i++) out[end++] = data[start + i] as number;
  return end;
}

/** Settings as identifier, value, identifier, value, ... */
export function writeSettings(out: Buffer, at: number, settings: readonly number[]): number {
  let end = writeFrameHeader(out, at, settings.length * 3, FRAME.SETTINGS, 0, 0);
  for (let i = 0; i < settings.length; i += 2) {
    const id = settings[i] as number;
    out[end] = id >>> 8;
    out[end + 1] = id;
    end = writeUint32(out, end + 2, settings[i + 1] as number);
  }
  return end;
}

export function writeSettingsAck(out: Buffer, at: number): number {
  return writeFrameHeader(out, at, 0, FRAME.SETTINGS, FLAG.ACK, 0);
}

/** GOAWAY with debug data in ASCII, for whoever reads a packet trace. */
export function writeGoaway(out: Buffer, at: number, lastStreamId: number, code: number, debug: string): number {
  const length = 8 + (code === ERROR.NO_ERROR ? 0 : debug.length);
  let end = writeFrameHeader(out, at, length, FRAME.GOAWAY, 0, 0);
  end = writeUint32(out, writeUint32(out, end, lastStreamId), code);
  return length > 8 ? end + out.write(debug, end, 'latin1') : end;
}
