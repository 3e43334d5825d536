/*
 * HTTP/2 frames by hand, valid or not: written against RFC 9113 and 7541 alone, without the engine's own writers, so that an error
 * in those cannot hide here.
 */

export const TYPES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
] as const;
export type FrameType = (typeof TYPES)[number];

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITY = 0x20;

export const CLIENT_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export type Fields = readonly (readonly [name: string, value: string])[];

/** Any frame: `type` by name or number; the length field says what `payload` holds, unless `length` says otherwise. */
export function frame(
  type: FrameType | number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
  length: number = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = typeof type === 'number' ? type : TYPES.indexOf(type);
  head[4] = flags;
  head.writeUInt32BE(streamId >>> 0, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(...values: number[]): Buffer {
  const out = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    out.writeUInt32BE(value >>> 0, 4 * i);
  });
  return out;
}

/** `padding` null: not padded; else that many octets of padding, and the flag. */
export function data(
  streamId: number,
  content: Uint8Array | string,
  options: { end?: boolean; padding?: number | null } = {},
): Buffer {
  const flags = options.end ? END_STREAM : 0;
  const octets = Buffer.from(content);
  if (options.padding === undefined || options.padding === null) return frame('DATA', flags, streamId, octets);
  const payload = Buffer.concat([Buffer.from([options.padding]), octets, Buffer.alloc(options.padding)]);
  return frame('DATA', flags | PADDED, streamId, payload);
}

/** HEADERS with a complete block: fields, or octets that are a block already (or pretend to be). */
export function headers(streamId: number, fields: Fields | Buffer, options: { end?: boolean } = {}): Buffer {
  return frame('HEADERS', END_HEADERS | (options.end ? END_STREAM : 0), streamId, blockOf(fields));
}

/** The block cut into HEADERS and CONTINUATION frames after each of `cuts` octets. */
export function cutHeaders(streamId: number, fields: Fields | Buffer, cuts: readonly number[], end = false): Buffer[] {
  const block = blockOf(fields);
  const edges = [0, ...cuts, block.length];
  return edges.slice(1).map((to, i) => {
    const flags = (i === 0 && end ? END_STREAM : 0) | (to === block.length && i === edges.length - 2 ? END_HEADERS : 0);
    return frame(i === 0 ? 'HEADERS' : 'CONTINUATION', flags, streamId, block.subarray(edges[i], to));
  });
}

export function priority(streamId: number, dependsOn: number, weight = 15): Buffer {
  return frame('PRIORITY', 0, streamId, Buffer.concat([uint32(dependsOn), Buffer.from([weight])]));
}

export function rstStream(streamId: number, code: number): Buffer {
  return frame('RST_STREAM', 0, streamId, uint32(code));
}

/** Settings as [identifier, value] pairs. */
export function settings(...pairs: (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  });
  return frame('SETTINGS', 0, 0, payload);
}

export function settingsAck(): Buffer {
  return frame('SETTINGS', ACK, 0);
}

export function ping(data: Uint8Array | string, ack = false): Buffer {
  return frame('PING', ack ? ACK : 0, 0, Buffer.from(data));
}

export function goaway(lastStreamId: number, code: number, debug = ''): Buffer {
  return frame('GOAWAY', 0, 0, Buffer.concat([uint32(lastStreamId, code), Buffer.from(debug)]));
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame('WINDOW_UPDATE', 0, streamId, uint32(increment));
}

/** RFC 7541 section 5.1. */
function integer(pattern: number, prefix: number, value: number): Buffer {
  const max = 2 ** prefix - 1;
  if (value < max) return Buffer.from([pattern | value]);
  const octets = [pattern | max];
  let left = value - max;
  for (; left >= 128; left = Math.floor(left / 128)) octets.push((left % 128) | 0x80);
  return Buffer.from([...octets, left]);
}

/** A field as a literal without indexing, not Huffman-coded (RFC 7541 section 6.2.2): any octets in name and value (latin1). */
export function literal(name: string, value: string): Buffer {
  const [n, v] = [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')];
  return Buffer.concat([Buffer.from([0]), integer(0, 7, n.length), n, integer(0, 7, v.length), v]);
}

/** The same as a literal with incremental indexing (section 6.2.1): it enters the dynamic table. */
export function indexedLiteral(name: string, value: string): Buffer {
  const block = literal(name, value);
  block[0] = 0x40;
  return block;
}

/** A dynamic table size update (section 6.3). */
export function tableSizeUpdate(size: number): Buffer {
  return integer(0x20, 5, size);
}

function blockOf(fields: Fields | Buffer): Buffer {
  return Buffer.isBuffer(fields) ? fields : Buffer.concat(fields.map(([name, value]) => literal(name, value)));
}
