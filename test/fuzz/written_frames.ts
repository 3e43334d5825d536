import { HpackDecoder } from '../../src/http2/hpack/decoder.ts';

const PREFACE_LENGTH = 24;
const FRAME_HEADER = 9;
const [DATA, HEADERS, RST_STREAM, CONTINUATION] = [0, 1, 3, 9];
const END_STREAM = 1;
const END_HEADERS = 4;

/** What is wrong with the frames that a connection wrote; empty when nothing is. */
export function faultsOf(written: Buffer, client: boolean): string[] {
  const faults: string[] = [];
  // Below any limit that a peer could set: what it lists is ours.
  const decoder = new HpackDecoder(4096, 1 << 24);
  const over = new Set<number>();
  let block: { id: number; end: boolean; parts: Buffer[] } | null = null;
  let at = client ? PREFACE_LENGTH : 0;
  while (at + FRAME_HEADER <= written.length) {
    const length = written.readUIntBE(at, 3);
    const [type, flags] = [written[at + 3] as number, written[at + 4] as number];
    const id = written.readUInt32BE(at + 5);
    const end = at + FRAME_HEADER + length;
    if (end > written.length) break;
    const payload = written.subarray(at + FRAME_HEADER, end);
    at = end;
    const where = `frame of type ${type} on stream ${id}`;
    if (type > CONTINUATION) faults.push(`${where}: there is no such type`);
    if (block !== null && (type !== CONTINUATION || id !== block.id)) faults.push(`${where} inside a header block`);
    if ((type === DATA || type === HEADERS) && over.has(id)) faults.push(`${where} after its end`);
    if (type === DATA && (flags & END_STREAM) !== 0) over.add(id);
    if (type === RST_STREAM) over.add(id);
    if (type === HEADERS) block = { id, end: (flags & END_STREAM) !== 0, parts: [] };
    if (block !== null) {
      block.parts.push(payload);
      if ((flags & END_HEADERS) !== 0) {
        const octets = Buffer.concat(block.parts);
        if (decoder.decode(octets, 0, octets.length) === null)
          faults.push(`${where} does not decode: ${decoder.error}`);
        if (block.end) over.add(block.id);
        block = null;
      }
    }
  }
  if (at !== written.length && written.length >= PREFACE_LENGTH)
    faults.push(`${written.length - at} octets are no whole frame`);
  return faults;
}
