import { median, ratio } from './figures.ts';
import type { Row } from './turns.ts';
import type { Figure, FigureWorkload, RequestWorkload } from './workloads/workload.ts';

/** What came out of one workload. */
export type Result =
  | { readonly workload: RequestWorkload; readonly rows: readonly Row[] }
  | { readonly workload: FigureWorkload; readonly figures: readonly Figure[] };

/** How Outrigger stands beside one row, as its figure divided by theirs: below 1 it needs less. */
export interface Ratios {
  readonly cpu: number | null;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
}

/**
 * The ratios of the first row of the workload, which is Outrigger, to another one: the median of those of each round. Two runs of one round
 * follow each other within seconds; a machine that is slower in the next round is so for both.
 */
export function ratiosTo(ours: Row, theirs: Row): Ratios {
  const of = (figure: (sample: Row['samples'][number]) => number | null): number | null => {
    const ratios = ours.samples.map((own, round) => {
      const other = theirs.samples[round];
      if (other === undefined || own.run.problem !== null || other.run.problem !== null) return null;
      return ratio(figure(own), figure(other));
    });
    return median(ratios.filter((one) => one !== null));
  };
  return {
    cpu: of(({ cpu }) => cpu),
    mean: of(({ run }) => run.latency.mean),
    p50: of(({ run }) => run.latency.p50),
    p99: of(({ run }) => run.latency.p99),
    p999: of(({ run }) => run.latency.p999),
  };
}

const COLUMNS = [
  'workload',
  'proxy',
  'CPU',
  'unit',
  'req/s',
  'mean us',
  'p50',
  'p99',
  'p99.9',
  'max',
  'failed',
  'RSS MB',
  'CPU x',
  'p50 x',
  'p99 x',
] as const;

/** Left-aligned columns; numbers stand to the right. */
const TEXT = new Set(['workload', 'proxy', 'unit']);

/** All workloads with requests as one table, a line per proxy. */
export function requestTable(results: readonly Result[]): string {
  const lines: string[][] = [];
  for (const result of results) {
    if (!('rows' in result)) continue;
    for (const [index, row] of result.rows.entries()) {
      lines.push(requestLine(result.workload, row, index === 0 ? null : ratiosTo(result.rows[0] as Row, row)));
    }
  }
  return lines.length === 0 ? '' : align(COLUMNS, lines, (column) => !TEXT.has(column));
}

function requestLine(workload: RequestWorkload, row: Row, ratios: Ratios | null): string[] {
  const { middle } = row;
  const cpu = middle?.cpu ?? null;
  return [
    workload.id,
    row.name,
    number(cpu === null ? null : cpu / workload.unit.divisor, 2),
    workload.unit.name,
    number(middle?.perSecond ?? null, 0),
    number(middle?.latency.mean ?? null, 0),
    number(middle?.latency.p50 ?? null, 0),
    number(middle?.latency.p99 ?? null, 0),
    number(middle?.latency.p999 ?? null, 0),
    number(middle?.latency.max ?? null, 0),
    String(row.failed),
    number(middle?.residentMb ?? null, 0),
    ratios === null ? '' : number(ratios.cpu, 2),
    ratios === null ? '' : number(ratios.p50, 2),
    ratios === null ? '' : number(ratios.p99, 2),
  ];
}

/** The single figures. */
export function figureTable(results: readonly Result[]): string {
  const lines: string[][] = [];
  for (const result of results) {
    if (!('figures' in result)) continue;
    for (const { name, value, unit, target } of result.figures) {
      lines.push([result.workload.id, name, number(value, digits(value)), unit, target]);
    }
  }
  const columns = ['workload', 'figure', 'value', 'unit', 'target'];
  return lines.length === 0 ? '' : align(columns, lines, (column) => column === 'value');
}

/** Everything that a table cannot say: titles, targets, and why runs do not count. */
export function remarks(results: readonly Result[]): string {
  const lines: string[] = [];
  for (const result of results) {
    lines.push(`${result.workload.id}: ${result.workload.title}`);
    if ('rows' in result) {
      for (const target of result.workload.targets) lines.push(`    target: ${target}`);
      for (const { name, notes } of result.rows) for (const note of notes) lines.push(`    ${name}: ${note}`);
    } else {
      for (const { name, note } of result.figures) if (note) lines.push(`    ${name.trim()}: ${note}`);
    }
  }
  return lines.join('\n');
}

function number(value: number | null, decimals: number): string {
  if (value === null) return '-';
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function digits(value: number | null): number {
  const size = Math.abs(value ?? 0);
  if (size >= 100) return 0;
  return size >= 10 ? 1 : 2;
}

/** Columns under each other, separated by two spaces; an empty line where the first column changes. */
export function align(
  columns: readonly string[],
  lines: readonly (readonly string[])[],
  right: (column: string) => boolean,
): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...lines.map((line) => (line[index] ?? '').length)),
  );
  const print = (line: readonly string[]): string =>
    line
      .map((cell, index) => {
        const width = widths[index] as number;
        return right(columns[index] as string) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const printed = [print(columns)];
  for (const [index, line] of lines.entries()) {
    if (index > 0 && line[0] !== lines[index - 1]?.[0]) printed.push('');
    printed.push(print(line));
  }
  return printed.join('\n');
}
