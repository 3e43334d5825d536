import { Duplex } from 'node:stream';

/**
 * One end of a connection in memory, like `duplexPair` of node:stream, but it copies what is written, as a real socket does: the engine
 * uses its buffers again as soon as a write has completed. A write completes when the other end wants more.
 */
class MemorySocket extends Duplex {
  other: MemorySocket | null = null;
  #writer: (() => void) | null = null;

  override _read(): void {
    const done = this.#writer;
    this.#writer = null;
    if (done !== null) process.nextTick(done);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const other = this.other;
    if (other === null || other.destroyed || chunk.length === 0) return process.nextTick(done);
    other.#writer = done;
    other.push(Buffer.from(chunk));
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done);
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  /** The other end sees a connection that was lost. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const other = this.other;
    if (other !== null && !other.destroyed) process.nextTick(() => other.destroy());
    done(error);
  }
}

/** Two ends; `highWaterMark` is how much an end that is not read takes, in octets. */
export function memorySockets(highWaterMark: number): [MemorySocket, MemorySocket] {
  // Like a socket, an end closes when its peer has ended.
  const options = { highWaterMark, allowHalfOpen: false };
  const [near, far] = [new MemorySocket(options), new MemorySocket(options)];
  near.other = far;
  far.other = near;
  return [near, far];
}
