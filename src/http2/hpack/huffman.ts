import { CODE_LENGTHS, CODES, EOS } from './huffman_code.ts';
import { latin1 } from './latin1.ts';

/**
 * RFC 7541 section 5.2, Huffman-coded string literals. Decoding takes an octet per step: the code's tree has 256 inner nodes,
 * which are the states, and since no code is shorter than 5 bits, an octet completes at most two symbols.
 */

/** What `huffmanDecode` returns instead of a string; see the tokens of the same names in `errors.ts`. */
export const HUFFMAN_EOS = -1;
export const HUFFMAN_PADDING = -2;

const STATES = 256;

/** By state and octet: next state (bits 0-7), first and second symbol (8-15, 16-23), how many there are (24-25); -1 is EOS. */
const STEPS = new Int32Array(STATES * 256);

/** 1 for states in which a string may end: fewer than 8 bits into a symbol, all of them ones. */
const MAY_END = new Uint8Array(STATES);

buildTables();

/** The shortest code has 5 bits, so `n` octets hold at most 1.6 n symbols; one more since every step writes two. */
const bound = (octets: number): number => octets * 2 + 1;

/** What is longer is rare and gets a buffer of its own. */
const SCRATCH_OCTETS = 8192;
const SCRATCH = Buffer.alloc(bound(SCRATCH_OCTETS));

/** Decodes the octets from `start` to `end`; a number says why it could not. */
export function huffmanDecode(buf: Uint8Array, start: number, end: number): string | number {
  const octets = end - start;
  const scratch = octets <= SCRATCH_OCTETS ? SCRATCH : Buffer.allocUnsafe(bound(octets));
  let state = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const step = STEPS[(state << 8) | (buf[i] as number)] as number;
    if (step < 0) return HUFFMAN_EOS;
    scratch[length] = step >> 8;
    scratch[length + 1] = step >> 16;
    length += step >> 24;
    state = step & 0xff;
  }
  return MAY_END[state] === 1 ? latin1(scratch, 0, length) : HUFFMAN_PADDING;
}

/** The octets that `text` (one-byte characters) takes when Huffman-coded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i) & 0xff] as number;
  return (bits + 7) >> 3;
}

/** Writes `text` (one-byte characters) at `at`, padded with ones; returns the offset behind it. */
export function huffmanEncode(text: string, out: Uint8Array, at: number): number {
  let pending = 0; // bits not yet written, in the low `bits` bits; fewer than 8 between symbols
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    let code = CODES[symbol] as number;
    let length = CODE_LENGTHS[symbol] as number;
    if (length > 24) {
      // 7 + 30 bits do not fit in 32: the upper part of a long code goes first.
      pending = (pending << (length - 16)) | (code >>> 16);
      bits += length - 16;
      code &= 0xffff;
      length = 16;
      for (; bits >= 8; bits -= 8) out[at++] = pending >>> (bits - 8);
    }
    pending = (pending << length) | code;
    bits += length;
    for (; bits >= 8; bits -= 8) out[at++] = pending >>> (bits - 8);
  }
  if (bits > 0) out[at++] = (pending << (8 - bits)) | (0xff >> bits);
  return at;
}

function buildTables(): void {
  const children = buildTree();
  // Four bits at a time first: they complete one symbol at most, and two such steps make one of an octet.
  const halves = new Int32Array(STATES * 16);
  for (let state = 0; state < STATES; state++)
    for (let bits = 0; bits < 16; bits++) halves[(state << 4) | bits] = halfStep(children, state, bits);
  STEPS.fill(-1);
  for (let at = 0; at < halves.length; at++) {
    const upper = halves[at] as number;
    if (upper < 0) continue;
    const lowers = (upper & 0xff) << 4;
    // Hardly ever has the first half completed a symbol, and then the octet's step is that of the second: each start of the program waits for this.
    if (upper >> 24 === 0) STEPS.set(halves.subarray(lowers, lowers + 16), at << 4);
    else for (let bits = 0; bits < 16; bits++) STEPS[(at << 4) | bits] = join(upper, halves[lowers | bits] as number);
  }
  for (let node = 0, depth = 0; depth < 8; depth++) {
    MAY_END[node] = 1;
    node = children[2 * node + 1] as number;
  }
}

/** `children[2 * node + bit]` is an inner node (never 0, the root) or `~symbol`. */
function buildTree(): Int32Array {
  const children = new Int32Array(2 * STATES);
  let nodes = 1;
  for (let symbol = 0; symbol <= EOS; symbol++) {
    const code = CODES[symbol] as number;
    let node = 0;
    for (let bit = (CODE_LENGTHS[symbol] as number) - 1; bit > 0; bit--) {
      const child = 2 * node + ((code >>> bit) & 1);
      if (children[child] === 0) children[child] = nodes++;
      node = children[child] as number;
    }
    children[2 * node + (code & 1)] = ~symbol;
  }
  return children;
}

/** The step for four bits, laid out like those in `STEPS`. */
function halfStep(children: Int32Array, state: number, bits: number): number {
  let node = state;
  let symbol = 0;
  for (let bit = 3; bit >= 0; bit--) {
    node = children[2 * node + ((bits >> bit) & 1)] as number;
    if (node === ~EOS) return -1;
    if (node >= 0) continue;
    symbol = (1 << 24) | (~node << 8);
    node = 0;
  }
  return symbol | node;
}

/** The step of two halves, of which the first has completed a symbol. */
function join(upper: number, lower: number): number {
  if (lower < 0) return -1;
  const second = ((lower >> 8) & 0xff) << 16;
  return (((upper >> 24) + (lower >> 24)) << 24) | second | (upper & 0xff00) | (lower & 0xff);
}
