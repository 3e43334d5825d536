import type { Kind } from './load.ts';
import { addedLatency, byStatus, failures } from './observed.ts';
import type { Played } from './play.ts';

const COLUMNS = [
  'fault',
  'calls',
  'failed: unary',
  'failed: retried',
  'failed: streams',
  'retries',
  'added p50',
  'added p99',
  'detected after',
  'recovered after',
  'memory',
] as const;

/** What was seen, as a table of markdown: a row for each fault. */
export function table(played: readonly Played[]): string {
  const lines = [row(COLUMNS), row(COLUMNS.map((_, index) => (index === 0 ? '---' : '--:')))];
  for (const { fault, observed, broken } of played) {
    const failed = (kind: Kind): string => statuses(byStatus(failures(observed, kind)));
    const cells = [
      broken.length === 0 ? fault.name : `**${fault.name}**`,
      String(observed.samples.length),
      failed('unary'),
      failed('retried'),
      failed('stream'),
      String(observed.retries),
      milliseconds(addedLatency(observed, 0.5)),
      milliseconds(addedLatency(observed, 0.99)),
      observed.detectedAfter === null ? '-' : milliseconds(observed.detectedAfter),
      observed.recoveredAfter === null ? 'never' : milliseconds(observed.recoveredAfter),
      `${Math.round(observed.rss / 2 ** 20)} MiB`,
    ];
    lines.push(row(cells));
  }
  return `${lines.join('\n')}\n`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** `3 (4: 1, 14: 2)`: how many, and by status. */
function statuses(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  if (entries.length === 0) return '0';
  const all = entries.reduce((sum, [, count]) => sum + count, 0);
  return `${all} (${entries.map(([status, count]) => `${status}: ${count}`).join(', ')})`;
}

function milliseconds(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
