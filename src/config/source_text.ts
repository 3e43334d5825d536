import { LineCounter } from 'yaml';
import type { Origin } from './problem.ts';

/** Users in URLs, and what follows a secret's key on its line: this must work on text that is no YAML, too. */
const SECRETS = /(?<=:\/\/)[^/\s]*(?=@)|(?<=\b(?:password|token)["']?[ \t]*:[ \t]*)[^\s,}][^\r\n,}]*/g;

/** The text of a config file, which knows its lines and keeps its secrets. */
export class SourceText {
  readonly name: string;
  readonly text: string;
  readonly lineCounter = new LineCounter();
  #masked: string;
  #lines: readonly string[] | null = null;

  /** @param name as the user wrote it */
  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
    this.#masked = text.replace(SECRETS, (secret) => '*'.repeat(secret.length));
  }

  /** From now on the characters from `start` to `end` are shown as stars, so that columns stay true. */
  hide(start: number, end: number): void {
    const stars = this.#masked.slice(start, end).replace(/[^\r\n]/g, '*');
    this.#masked = this.#masked.slice(0, start) + stars + this.#masked.slice(end);
    this.#lines = null;
  }

  /** The line around `offset` as it is, secrets included: to look at, not to show. */
  lineAround(offset: number): string {
    const end = this.text.indexOf('\n', offset);
    return this.text.slice(this.text.lastIndexOf('\n', offset - 1) + 1, end === -1 ? undefined : end);
  }

  /** The place of the characters from `start` to `end`; what goes on in the next line is not part of it. */
  place(start: number, end: number = start + 1): Origin {
    const offset = Math.min(start, this.text.length);
    const { line, col } = this.text === '' ? { line: 1, col: 1 } : this.lineCounter.linePos(offset);
    this.#lines ??= this.#masked.split(/\r?\n/);
    const lineText = this.#lines[line - 1] ?? '';
    const length = Math.max(1, Math.min(end - start, lineText.length - (col - 1)));
    return { kind: 'file', file: this.name, line, column: col, length, lineText };
  }
}
