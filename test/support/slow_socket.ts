import { Duplex } from 'node:stream';

/** A connection whose other end takes nothing until it is told to. */
export class SlowSocket extends Duplex {
  text = '';
  #held: (() => void) | null = null;
  #released = false;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('latin1');
    if (this.#released) done();
    else this.#held = done;
  }

  /** From now on everything is taken at once. */
  release(): void {
    this.#released = true;
    this.#held?.();
    this.#held = null;
  }
}
