import { styleText } from 'node:util';
import { originText, type Problem } from '../config/problem.ts';
import type { Env } from '../config/variables.ts';

/** Where a command writes, and whether with colours. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
  readonly color: boolean;
}

/** Standard output and error; coloured when both are terminals and NO_COLOR (https://no-color.org) is not set. */
export function processOutput(env: Env): Output {
  const terminal = process.stdout.isTTY === true && process.stderr.isTTY === true;
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    color: terminal && !env.NO_COLOR && env.TERM !== 'dumb',
  };
}

/** Problems as a compiler prints them, each with its line and a hint, and how many there are. */
export function problemsText(problems: readonly Problem[], color: boolean): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return `${problems.map((problem) => problemBlock(problem, color)).join('\n')}\n${count}\n`;
}

function problemBlock(problem: Problem, color: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const head = [
    paint('bold', originText(problem.at)),
    paint('cyan', problem.key),
    paint('red', problem.message),
  ].filter((_, at) => [originText(problem.at), problem.key, problem.message][at] !== '');
  const lines = [head.join(': '), ...excerpt(problem, (text) => paint('red', text))];
  if (problem.hint !== null) lines.push(`  ${paint('green', 'hint:')} ${problem.hint}`);
  return `${lines.join('\n')}\n`;
}

/** Longer lines are shown around the place, so that the mark stays in sight. */
const WIDEST_LINE = 100;
const BEFORE_PLACE = 60;

function excerpt(problem: Problem, mark: (text: string) => string): string[] {
  const { at } = problem;
  if (at.kind !== 'file' || at.lineText === null || at.lineText.trim() === '') return [];
  const from = at.lineText.length > WIDEST_LINE ? Math.max(0, at.column - 1 - BEFORE_PLACE) : 0;
  const line = printable(at.lineText.slice(from, from + WIDEST_LINE));
  const column = at.column - 1 - from;
  const length = Math.max(1, Math.min(at.length, line.length - column));
  const number = String(at.line).padStart(4);
  return [`${number} | ${line}`, `${' '.repeat(number.length)} | ${' '.repeat(column)}${mark('^'.repeat(length))}`];
}

/** One column per character and nothing that a terminal obeys. */
function printable(line: string): string {
  return line.replace(/\t/g, ' ').replace(/\p{Cc}/gu, '?');
}
