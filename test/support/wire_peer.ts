import type { Duplex } from 'node:stream';
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts';
import { PATIENCE } from './eventually.ts';
import type { Fields, FrameType } from './wire_frames.ts';
import * as frames from './wire_frames.ts';

/** A frame as it came, with what its payload says where that is unambiguous. */
export class ReceivedFrame {
  readonly type: FrameType | number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** HEADERS: the whole block, decoded; null until its last CONTINUATION is here. */
  fields: Fields | null = null;
  /** A wait has been answered with it. */
  taken = false;

  constructor(type: number, flags: number, streamId: number, payload: Buffer) {
    this.type = frames.TYPES[type] ?? type;
    this.flags = flags;
    this.streamId = streamId;
    this.payload = payload;
  }

  get endStream(): boolean {
    return (this.type === 'DATA' || this.type === 'HEADERS') && (this.flags & frames.END_STREAM) !== 0;
  }
  get endHeaders(): boolean {
    return (this.flags & frames.END_HEADERS) !== 0;
  }
  get ack(): boolean {
    return (this.type === 'SETTINGS' || this.type === 'PING') && (this.flags & frames.ACK) !== 0;
  }
  /** RST_STREAM and GOAWAY. */
  get errorCode(): number {
    return this.payload.readUInt32BE(this.type === 'GOAWAY' ? 4 : 0);
  }
  /** GOAWAY. */
  get lastStreamId(): number {
    return this.payload.readUInt32BE(0);
  }
  get debug(): string {
    return this.payload.toString('latin1', 8);
  }
  /** WINDOW_UPDATE. */
  get increment(): number {
    return this.payload.readUInt32BE(0);
  }
  /** SETTINGS: value by identifier. */
  get settings(): Map<number, number> {
    const values = new Map<number, number>();
    for (let at = 0; at < this.payload.length; at += 6)
      values.set(this.payload.readUInt16BE(at), this.payload.readUInt32BE(at + 2));
    return values;
  }
  /** HEADERS: the first value of `name`. */
  field(name: string): string | undefined {
    return this.fields?.find(([known]) => known === name)?.[1];
  }

  toString(): string {
    const what = this.fields === null ? `${this.payload.length} octets` : JSON.stringify(this.fields);
    return `${this.type}(${this.streamId}, flags ${this.flags}, ${what})`;
  }
}

interface Waiter {
  readonly matches: (frame: ReceivedFrame) => boolean;
  readonly resolve: (frame: ReceivedFrame) => void;
  readonly reject: (error: Error) => void;
  readonly what: string;
  readonly timer: NodeJS.Timeout;
}

/**
 * The other end of a connection, which does exactly what a test says: it sends any octets and keeps every frame that comes. The only thing
 * it does by itself is to acknowledge SETTINGS (`ackSettings`). Every wait has a deadline, and tells what came instead.
 */
export class WirePeer {
  readonly socket: Duplex;
  readonly role: 'client' | 'server';
  /** Everything that came, in order. */
  readonly received: ReceivedFrame[] = [];
  ackSettings = true;
  /** The other side ended, or the socket is gone. */
  ended = false;
  readonly closed: Promise<void>;

  readonly #decoder = new HpackDecoder(4096, 1 << 30);
  readonly #waiters = new Set<Waiter>();
  #chunks: Buffer[] = [];
  #length = 0;
  #needed = 9;
  #prefaceLeft: number;
  #block: ReceivedFrame | null = null;
  #fragments: Buffer[] = [];
  #pings = 0;
  #greeted = false;
  #owesAck = false;

  constructor(socket: Duplex, role: 'client' | 'server') {
    this.socket = socket;
    this.role = role;
    this.#prefaceLeft = role === 'server' ? frames.CLIENT_PREFACE.length : 0;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    // What the other side does to the socket shows in what was received and in `ended`.
    socket.on('error', () => {});
    const end = (): void => {
      this.ended = true;
      for (const waiter of this.#waiters) this.#giveUp(waiter, 'the connection ended');
    };
    socket.on('end', end);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        end();
        resolve();
      });
    });
  }

  send(...buffers: readonly Uint8Array[]): this {
    this.socket.write(Buffer.concat(buffers));
    return this;
  }

  /** Its own SETTINGS have been sent. */
  get greeted(): boolean {
    return this.#greeted;
  }

  /** Preface (as a client) and SETTINGS. */
  greet(...pairs: (readonly [id: number, value: number])[]): this {
    if (this.role === 'client') this.send(frames.CLIENT_PREFACE);
    this.send(frames.settings(...pairs));
    this.#greeted = true;
    if (this.#owesAck) this.send(frames.settingsAck());
    this.#owesAck = false;
    return this;
  }

  /** Resolves with the first frame of `type` that fits and that no wait was given before. */
  next(type: FrameType, fits: number | ((frame: ReceivedFrame) => boolean) = () => true): Promise<ReceivedFrame> {
    const what = typeof fits === 'number' ? `${type} on stream ${fits}` : type;
    return this.#wait(what, (frame) => {
      if (frame.type !== type || (type === 'HEADERS' && frame.fields === null)) return false;
      return typeof fits === 'number' ? frame.streamId === fits : fits(frame);
    });
  }

  /** The GOAWAY that ends the connection: waits until nothing more can come. */
  async goaway(): Promise<ReceivedFrame> {
    const goaway = await this.next('GOAWAY');
    await this.end();
    return this.received.findLast((frame) => frame.type === 'GOAWAY') ?? goaway;
  }

  /** Resolves when the other side has ended the connection. */
  async end(): Promise<void> {
    if (this.ended) return;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not ended within ${PATIENCE} ms; ${this.#history()}`)), PATIENCE);
    });
    const ended = new Promise<void>((resolve) => {
      this.socket.once('end', resolve);
      this.socket.once('close', () => resolve());
    });
    await Promise.race([ended, deadline]).finally(() => clearTimeout(timer));
  }

  /** A PING round trip: all that was sent before has been acted on, and what that led to has been received. Gives the frames since `from`. */
  async sync(from = this.received.length): Promise<ReceivedFrame[]> {
    const mark = Buffer.from(`sync${String(this.#pings++).padStart(4, '0')}`);
    this.send(frames.ping(mark));
    const pong = await this.next('PING', (frame) => frame.ack && frame.payload.equals(mark));
    return this.received.slice(from, this.received.indexOf(pong));
  }

  /** Entries of the dynamic table that the other side's encoder made here. */
  get tableEntries(): number {
    return this.#decoder.tableEntries().length;
  }

  /** What the other side's encoder may use from when it has acknowledged it: to be sent as HEADER_TABLE_SIZE by the test. */
  setTableSize(size: number): void {
    this.#decoder.setMaxTableSize(size);
  }

  /** All the DATA of a stream so far. */
  body(streamId: number): Buffer {
    const parts = this.received.filter((frame) => frame.type === 'DATA' && frame.streamId === streamId);
    return Buffer.concat(parts.map((frame) => frame.payload));
  }

  of(type: FrameType, streamId?: number): ReceivedFrame[] {
    return this.received.filter((f) => f.type === type && (streamId === undefined || f.streamId === streamId));
  }

  /** Stops reading: what the other side writes stays in its buffers. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #wait(what: string, matches: (frame: ReceivedFrame) => boolean): Promise<ReceivedFrame> {
    const here = this.received.find((frame) => !frame.taken && matches(frame));
    if (here !== undefined) {
      here.taken = true;
      return Promise.resolve(here);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(waiter, `nothing within ${PATIENCE} ms`), PATIENCE);
      const waiter: Waiter = { matches, resolve, reject, what, timer };
      this.#waiters.add(waiter);
      if (this.ended) this.#giveUp(waiter, 'the connection had ended');
    });
  }

  #giveUp(waiter: Waiter, why: string): void {
    this.#waiters.delete(waiter);
    clearTimeout(waiter.timer);
    waiter.reject(new Error(`waited for ${waiter.what}: ${why}; ${this.#history()}`));
  }

  #history(): string {
    return `received: ${this.received.slice(-20).map(String).join(', ')}`;
  }

  #read(chunk: Buffer): void {
    const skipped = Math.min(this.#prefaceLeft, chunk.length);
    this.#prefaceLeft -= skipped;
    if (skipped === chunk.length) return;
    this.#chunks.push(chunk.subarray(skipped));
    this.#length += chunk.length - skipped;
    if (this.#length < this.#needed) return;
    const all = Buffer.concat(this.#chunks);
    let at = 0;
    for (;;) {
      this.#needed = 9;
      if (all.length - at < 9) break;
      this.#needed = 9 + all.readUIntBE(at, 3);
      if (all.length - at < this.#needed) break;
      const [type, flags] = [all[at + 3] as number, all[at + 4] as number];
      const payload = all.subarray(at + 9, at + this.#needed);
      at += this.#needed;
      this.#take(new ReceivedFrame(type, flags, all.readUInt32BE(at - payload.length - 4), payload));
    }
    this.#chunks = [all.subarray(at)];
    this.#length = all.length - at;
  }

  #take(frame: ReceivedFrame): void {
    this.received.push(frame);
    if (frame.type === 'HEADERS') this.#block = frame;
    if (this.#block !== null) this.#collect(this.#block, frame);
    if (frame.type === 'SETTINGS' && !frame.ack && this.ackSettings) {
      // Nothing may precede a side's own SETTINGS.
      if (this.#greeted) this.send(frames.settingsAck());
      else this.#owesAck = true;
    }
    // A block that is complete now may be what somebody waits for.
    this.#offer(frame);
    if (frame.type === 'CONTINUATION') for (const held of this.received) if (held.fields !== null) this.#offer(held);
  }

  #collect(block: ReceivedFrame, frame: ReceivedFrame): void {
    this.#fragments.push(frame.payload);
    if (!frame.endHeaders) return;
    const octets = Buffer.concat(this.#fragments);
    const list = this.#decoder.decode(octets, 0, octets.length);
    if (list === null) throw new Error(`the header block of ${block} does not decode: ${this.#decoder.error}`);
    const pairs: [string, string][] = [];
    for (let i = 0; i < list.fields.length; i += 2)
      pairs.push([list.fields[i] as string, list.fields[i + 1] as string]);
    block.fields = pairs;
    this.#block = null;
    this.#fragments = [];
  }

  #offer(frame: ReceivedFrame): void {
    for (const waiter of this.#waiters) {
      if (frame.taken || !waiter.matches(frame)) continue;
      frame.taken = true;
      clearTimeout(waiter.timer);
      this.#waiters.delete(waiter);
      waiter.resolve(frame);
    }
  }
}
