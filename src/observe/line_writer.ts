import { close, open, write } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';

/** What is not full leaves after this long, in milliseconds. */
const FLUSH_INTERVAL = 100;
/** What is written at once, in characters. */
const CHUNK = 64 * 1024;
/** A pipe that is full is tried again after this long, in milliseconds. */
const FULL_PIPE = 20;
/** How long `close` waits for what is still to be written, in milliseconds. */
const LAST_WORDS = 1_000;
const STANDARD_OUTPUT = 1;

export interface LineWriterOptions {
  /** Appended to; null: standard output. */
  readonly file: string | null;
  readonly clock: Clock;
  /** Octets that may wait: lines beyond are dropped and counted. */
  readonly limit: number;
  /** So many lines had no room, or could not be written. */
  readonly dropped: (lines: number) => void;
  /** It cannot be written to; told once, until it can be again. */
  readonly failed: (reason: string) => void;
}

/**
 * Appends lines to a file or to standard output without ever making anybody wait: they are collected, and written by a thread of the
 * system, one write at a time.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  #waiting: string[] = [];
  #waitingLines = 0;
  #octets = 0;
  #descriptor: number | null;
  #writing = false;
  #failing = false;
  #closing = false;
  #cancel: (() => void) | null = null;
  #idle: () => void = () => {};

  constructor(options: LineWriterOptions) {
    this.#options = options;
    this.#descriptor = options.file === null ? STANDARD_OUTPUT : null;
  }

  /** `lines` of them, each with its line feed. */
  write(text: string, lines: number): void {
    if (this.#closing || this.#octets + text.length > this.#options.limit) {
      this.#options.dropped(lines);
      return;
    }
    this.#waiting.push(text);
    this.#waitingLines += lines;
    this.#octets += text.length;
    if (this.#octets >= CHUNK) this.#flush();
    else this.#cancel ??= this.#options.clock.after(FLUSH_INTERVAL, () => this.#flush());
  }

  /** Resolves when all is written, or after a second. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#octets > 0 || this.#writing) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LAST_WORDS);
        this.#idle = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#flush();
      });
    }
    const { file } = this.#options;
    if (file !== null && this.#descriptor !== null) close(this.#descriptor, () => {});
  }

  #flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#writing || this.#octets === 0) return;
    this.#writing = true;
    const chunk = Buffer.from(this.#waiting.join(''));
    const lines = this.#waitingLines;
    this.#waiting = [];
    this.#waitingLines = 0;
    this.#octets = 0;
    const { file } = this.#options;
    if (this.#descriptor !== null) return this.#write(this.#descriptor, chunk, 0, lines);
    open(file as string, 'a', 0o640, (error, descriptor) => {
      if (error !== null) return this.#failed(error, lines);
      this.#descriptor = descriptor;
      this.#write(descriptor, chunk, 0, lines);
    });
  }

  #write(descriptor: number, chunk: Buffer, from: number, lines: number): void {
    write(descriptor, chunk, from, chunk.length - from, null, (error, written) => {
      if (error !== null && error.code === 'EAGAIN') {
        setTimeout(() => this.#write(descriptor, chunk, from, lines), FULL_PIPE).unref();
      } else if (error !== null) this.#failed(error, lines);
      else if (from + written < chunk.length) this.#write(descriptor, chunk, from + written, lines);
      else {
        this.#failing = false;
        this.#written();
      }
    });
  }

  #failed(error: Error, lines: number): void {
    this.#options.dropped(lines);
    if (!this.#failing) this.#options.failed(describeError(error));
    this.#failing = true;
    this.#written();
  }

  #written(): void {
    this.#writing = false;
    if (this.#octets === 0) this.#idle();
    else if (this.#closing || this.#octets >= CHUNK) this.#flush();
    else this.#cancel ??= this.#options.clock.after(FLUSH_INTERVAL, () => this.#flush());
  }
}
