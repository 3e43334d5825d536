import { Duplex } from 'node:stream';

/**
 * One end of a connection inside this thread. It copies what is written, as a real socket does: the engine uses its buffers again as
 * soon as a write has completed. A write completes at once; what bounds the octets in between are the windows of HTTP/2.
 */
export class MemorySocket extends Duplex {
  #other: MemorySocket | null = null;

  static pair(): [MemorySocket, MemorySocket] {
    const [near, far] = [new MemorySocket(), new MemorySocket()];
    near.#other = far;
    far.#other = near;
    return [near, far];
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const other = this.#other;
    if (other !== null && !other.destroyed) other.push(Buffer.from(chunk));
    done();
  }

  override _final(done: () => void): void {
    if (this.#other?.destroyed === false) this.#other.push(null);
    done();
  }

  /** The other end sees a connection that was lost. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const other = this.#other;
    this.#other = null;
    if (other !== null) process.nextTick(() => other.destroy());
    done(error);
  }
}
