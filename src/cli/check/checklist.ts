import type { Output } from '../check_print.ts';
import { painter } from '../paint.ts';
import { plainText } from '../table.ts';

/** One thing that was looked at. */
export interface Check {
  /** `config`, `certificates`, `policies`, `registry`, `records`, `instance`, `clock`. */
  readonly what: string;
  /** Which of them; empty when there is one. */
  readonly of: string;
  /** Null: it could not be looked at, and `text` says why. */
  readonly ok: boolean | null;
  readonly text: string;
  /** One line each, below it. */
  readonly details?: readonly string[];
  readonly hint?: string | null;
}

const MARKS = { ok: '✓', failed: '✗', skipped: '-' } as const;
/** Of the words before the text. */
const WIDTH = 12;
const WIPE_LINE = '\r\x1b[K';

/** Prints each check as soon as it is done, or all of them as JSON at the end. */
export class Checklist {
  readonly #output: Output;
  readonly #json: boolean;
  readonly #checks: Check[] = [];
  #busy = false;

  constructor(output: Output, json: boolean) {
    this.#output = output;
    this.#json = json;
  }

  get failed(): number {
    return this.#checks.filter(({ ok }) => ok === false).length;
  }

  add(check: Check): void {
    this.#checks.push(check);
    if (!this.#json) this.#print(check);
  }

  /** Says what takes long now, on a terminal only; the next line takes its place. */
  busy(text: string): void {
    if (this.#json || !this.#output.color) return;
    this.#output.out(`${WIPE_LINE}${painter(true)('dim', `… ${plainText(text)}`)}`);
    this.#busy = true;
  }

  /** How many there were, or all of them as JSON. */
  end(): void {
    const passed = this.#checks.filter(({ ok }) => ok === true).length;
    if (this.#json) {
      const checks = this.#checks.map(({ what, of, ok, text, details = [], hint = null }) => ({
        what,
        of,
        ok,
        text,
        details,
        hint,
      }));
      this.#output.out(`${JSON.stringify({ ok: this.failed === 0, checks }, null, 2)}\n`);
      return;
    }
    const skipped = this.#checks.length - passed - this.failed;
    const parts = [`${passed} fine`, `${this.failed} not`, ...(skipped === 0 ? [] : [`${skipped} not looked at`])];
    this.#output.out(`${this.#wiped()}${parts.join(', ')}\n`);
  }

  #print({ what, of, ok, text, details = [], hint = null }: Check): void {
    const paint = painter(this.#output.color);
    const mark = ok === null ? paint('dim', MARKS.skipped) : ok ? paint('green', MARKS.ok) : paint('red', MARKS.failed);
    const subject = of === '' ? '' : `${of}: `;
    const lines = [`${mark} ${what.padEnd(WIDTH)}  ${plainText(subject + text)}`];
    for (const detail of details) lines.push(`    ${plainText(detail)}`);
    if (ok !== true && hint !== null) lines.push(`    ${paint('green', 'hint:')} ${plainText(hint)}`);
    this.#output.out(`${this.#wiped()}${lines.join('\n')}\n`);
  }

  #wiped(): string {
    if (!this.#busy) return '';
    this.#busy = false;
    return WIPE_LINE;
  }
}
