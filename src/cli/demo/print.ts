import { styleText } from 'node:util';
import type { BookInstance } from './book_instance.ts';
import type { Tally } from './tally.ts';

/** Prints a line. */
export const say = (line = ''): void => void process.stdout.write(`${line}\n`);

/** Prints a line that stands out where the terminal can show it. */
export const heading = (line: string): void => say(styleText('bold', line, { stream: process.stdout }));

/** A row per kind of call, a column per instance; then what went wrong, each failure once. */
export function printTallies(rows: readonly (readonly [string, Tally])[], instances: readonly BookInstance[]): void {
  const lines = table(
    ['calls', 'made', ...instances.map(({ name, version }) => `${name} ${version}`), 'failed'],
    rows.map(([label, tally]) => [
      label,
      String(tally.calls),
      ...instances.map(({ name }) => String(tally.byInstance.get(name) ?? '-')),
      String(tally.failed),
    ]),
  );
  for (const line of lines) say(`  ${line}`);
  for (const [label, tally] of rows) {
    for (const [failure, count] of tally.failures) say(`  FAILED, ${label}: ${count} x ${failure}`);
  }
}

/** A table as lines: the first column left-aligned, the others right-aligned, two spaces between. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    widths
      .map((width, column) => (column === 0 ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width)))
      .join('  ')
      .trimEnd(),
  );
}
