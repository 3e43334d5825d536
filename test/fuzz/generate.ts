import { SETTING } from '../../src/http2/frame/codes.ts';
import { seeded } from '../support/seeded.ts';
import {
  CLIENT_PREFACE,
  END_HEADERS,
  type FrameType,
  frame,
  indexedLiteral,
  literal,
  settings,
  settingsAck,
  TYPES,
  tableSizeUpdate,
  uint32,
} from '../support/wire_frames.ts';

export type Role = 'client' | 'server';

/**
 * One step: octets that arrive; the socket takes what was written; the user of the connection does something (`n` says what); time
 * passes (in milliseconds).
 */
export type Step =
  | readonly ['in', hex: string]
  | readonly ['drain']
  | readonly ['act', n: number]
  | readonly ['time', ms: number];

/** All that happens to one connection: nothing else decides about its course. */
export interface FuzzInput {
  readonly role: Role;
  readonly steps: readonly Step[];
}

/** What the seed makes: mostly frames that could be right, in orders that are not, cut and damaged anywhere. */
export function generate(seed: number, role: Role): FuzzInput {
  return new Generator(seed, role).input();
}

const USUAL = [
  'HEADERS',
  'HEADERS',
  'DATA',
  'DATA',
  'DATA',
  'WINDOW_UPDATE',
  'SETTINGS',
  'RST_STREAM',
  'PING',
] as const;
const REQUEST = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'x'],
] as const;
const RESPONSE = [[':status', '200']] as const;
const ODD = [
  ['content-length', '5'],
  ['content-length', 'x'],
  ['te', 'trailers'],
  ['connection', 'close'],
  ['Upper', 'x'],
  ['x', 'a\r\nb'],
  [':path', '/late'],
  ['host', 'y'],
  ['x-long', 'v'.repeat(3_000)],
] as const;

class Generator {
  readonly #random: () => number;
  readonly #role: Role;
  /** The next stream id of a client. */
  #lastId = 1;
  /** One in so many things is wrong: most inputs must get far, or nothing behind the first error is ever tried. */
  #wild = 8;

  constructor(seed: number, role: Role) {
    this.#random = seeded(seed);
    this.#role = role;
  }

  input(): FuzzInput {
    const parts: Buffer[] = [];
    this.#wild = this.#pick([8, 60, 300, 1_000]);
    if (this.#role === 'server') parts.push(this.#wrong() ? this.#octets(24) : CLIENT_PREFACE);
    if (!this.#wrong()) parts.push(settings(), settingsAck());
    const steps: Step[] = [];
    // A client that has opened nothing hears nothing.
    if (this.#role === 'client') {
      const opened = 1 + this.#below(8);
      for (let i = 0; i < opened; i++) steps.push(['act', 8 * this.#below(100)]);
      this.#lastId = 2 * opened + 1;
    }
    const frames = 1 + this.#below(60);
    if (this.#role === 'server') parts.push(this.#headers());
    for (let i = 0; i < frames; i++) parts.push(this.#damage(this.#frame()));
    for (const chunk of this.#cut(Buffer.concat(parts))) {
      steps.push(['in', chunk.toString('hex')]);
      if (this.#often()) steps.push(this.#step());
    }
    return { role: this.#role, steps };
  }

  #step(): Step {
    switch (this.#below(8)) {
      case 0:
        return this.#wrong() ? ['time', this.#below(400_000)] : ['drain'];
      case 1:
      case 2:
      case 3:
        return ['drain'];
      default:
        return ['act', this.#below(10_000)];
    }
  }

  #frame(): Buffer {
    const type = this.#wrong() ? this.#pick(TYPES) : this.#pick(USUAL);
    const id = this.#id();
    switch (type) {
      case 'HEADERS':
        return this.#headers();
      case 'DATA':
        return this.#padded(type, id, this.#octets(this.#size()));
      case 'SETTINGS':
        return this.#often()
          ? settings([SETTING.INITIAL_WINDOW_SIZE, this.#value()], this.#setting())
          : this.#wrong()
            ? settingsAck()
            : settings();
      case 'WINDOW_UPDATE':
        return frame(type, 0, this.#often() ? id : 0, uint32(this.#value() || (this.#wrong() ? 0 : 1)));
      case 'RST_STREAM':
        return frame(type, 0, id, uint32(this.#below(16)));
      case 'PING':
        return frame(type, this.#below(2), 0, this.#octets(8));
      case 'GOAWAY':
        return this.#rarely() ? frame(type, 0, 0, uint32(this.#below(20), this.#below(14))) : this.#headers();
      case 'PRIORITY':
        return frame(type, 0, id, this.#octets(5));
      default:
        return this.#rarely() ? frame(type, this.#below(64), id, this.#octets(this.#below(30))) : this.#headers();
    }
  }

  #headers(): Buffer {
    const id = this.#often() && this.#role === 'server' ? this.#newId() : this.#id();
    const fields: (readonly [string, string])[] = this.#wrong()
      ? []
      : [...(this.#role === 'server' ? REQUEST : RESPONSE)];
    if (this.#role === 'client' && this.#rarely()) fields[0] = [':status', '103'];
    if (this.#rarely()) fields.push(this.#pick(ODD));
    if (this.#rarely()) fields.splice(0, fields.length, ['grpc-status', '0']);
    if (this.#wrong()) fields.splice(this.#below(fields.length + 1), 1);
    const parts = fields.map(([name, value]) => (this.#often() ? literal(name, value) : indexedLiteral(name, value)));
    if (this.#rarely()) parts.unshift(tableSizeUpdate(this.#pick(this.#wrong() ? [5_000] : [0, 100, 4_096])));
    if (this.#wrong()) parts.push(Buffer.from([0x80 | (1 + this.#below(70))]));
    const block = Buffer.concat(parts);
    const end = this.#below(2);
    if (!this.#rarely()) return this.#padded('HEADERS', id, block, end | END_HEADERS);
    const at = this.#below(block.length + 1);
    return Buffer.concat([
      frame('HEADERS', end, id, block.subarray(0, at)),
      frame('CONTINUATION', END_HEADERS, id, block.subarray(at)),
    ]);
  }

  #padded(type: FrameType, id: number, payload: Buffer, flags: number = this.#below(2)): Buffer {
    if (!this.#rarely()) return frame(type, flags, id, payload);
    const padding = this.#below(20);
    return frame(type, flags | 8, id, Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]));
  }

  /** Sometimes other octets, fewer or more of them. */
  #damage(octets: Buffer): Buffer {
    if (!this.#wrong() || octets.length === 0) return octets;
    const at = this.#below(octets.length);
    switch (this.#below(4)) {
      case 0:
        octets[at] = this.#below(256);
        return octets;
      case 1:
        return octets.subarray(0, at);
      case 2:
        return Buffer.concat([octets, octets]);
      default:
        return Buffer.concat([octets.subarray(0, at), this.#octets(this.#below(12)), octets.subarray(at)]);
    }
  }

  #cut(octets: Buffer): Buffer[] {
    const most = this.#pick([1, 7, 50, 500, 5_000, 100_000]);
    const chunks: Buffer[] = [];
    for (let at = 0; at < octets.length && chunks.length < 400; ) {
      const size = chunks.length === 399 ? octets.length : 1 + this.#below(most);
      chunks.push(octets.subarray(at, at + size));
      at += size;
    }
    return chunks;
  }

  #newId(): number {
    this.#lastId += 2;
    return this.#lastId - 2;
  }

  #id(): number {
    return this.#wrong() ? this.#below(40) : 1 + 2 * this.#below(Math.max(1, (this.#lastId - 1) / 2));
  }

  #size(): number {
    return this.#pick([0, 1, 5, 100, 1_000, 5_000]);
  }

  #value(): number {
    return this.#wrong()
      ? this.#pick([2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])
      : this.#pick([0, 1, 2, 100, 5_000, 16_384, 65_535, 100_000]);
  }

  #setting(): [id: number, value: number] {
    if (this.#wrong()) return [this.#below(10), this.#value()];
    switch (this.#below(3)) {
      case 0:
        return [SETTING.HEADER_TABLE_SIZE, this.#pick([0, 100, 4_096, 65_536])];
      case 1:
        return [SETTING.MAX_FRAME_SIZE, this.#pick([16_384, 20_000, 100_000])];
      default:
        return [SETTING.MAX_CONCURRENT_STREAMS, this.#below(20)];
    }
  }

  #octets(length: number): Buffer {
    const octets = Buffer.alloc(length);
    for (let i = 0; i < length; i++) octets[i] = this.#below(256);
    return octets;
  }

  #pick<T>(of: readonly T[]): T {
    return of[this.#below(of.length)] as T;
  }
  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }
  #wrong(): boolean {
    return this.#below(this.#wild) === 0;
  }
  #rarely(): boolean {
    return this.#below(8) === 0;
  }
  #often(): boolean {
    return this.#below(3) > 0;
  }
}
