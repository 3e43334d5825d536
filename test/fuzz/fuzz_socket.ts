import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';

/** The socket under a connection that is fuzzed: takes what is written only when it is told to, and keeps all of it. */
export class FuzzSocket extends EventEmitter {
  /** What was written, whole. */
  readonly written: Buffer[] = [];
  destroyed = false;
  #ended = false;
  #callbacks: (() => void)[] = [];

  asDuplex(): Duplex {
    return this as unknown as Duplex;
  }

  write(octets: Buffer, done?: () => void): boolean {
    if (this.#ended) throw new Error('written after its end');
    // The engine uses its buffers again when the write is done.
    this.written.push(Buffer.from(octets));
    if (done !== undefined) this.#callbacks.push(done);
    return true;
  }

  _write(octets: Buffer, _encoding: string, done: () => void): void {
    this.write(octets, done);
  }

  /** The kernel takes what was written; true when there was something. */
  drain(): boolean {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const done of callbacks) done();
    return callbacks.length > 0;
  }

  end(): this {
    this.#ended = true;
    return this;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    setImmediate(() => this.emit('close'));
    return this;
  }

  cork(): void {}
  uncork(): void {}
}
