/** A cell: numbers stand at the right edge of their column, text at the left. */
export type Cell = string | number | null;

/**
 * A table as text: a header, then a line per row, with two spaces between columns. What comes from outside cannot move the
 * cursor of a terminal; a missing value is a dash, so that every line has the same number of words.
 */
export function tableText(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [header, ...rows.map((row) => row.map(cellText))];
  const widths = header.map((_, column) => Math.max(...texts.map((row) => (row[column] ?? '').length)));
  const numeric = header.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  const lines = texts.map((row) =>
    widths
      .map((width, column) => {
        const text = row[column] ?? '';
        return numeric[column] ? text.padStart(width) : text.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** One line, and nothing that a terminal obeys. */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

function cellText(cell: Cell): string {
  return cell === null || cell === '' ? '-' : plainText(String(cell));
}
