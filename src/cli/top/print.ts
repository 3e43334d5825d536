import { painter } from '../paint.ts';
import { type Cell, tableText } from '../table.ts';
import type { TopRow, TopService } from './rates.ts';
import { SORT_LETTERS, type SortKey } from './sort.ts';

const HEADER = ['SERVICE', 'INSTANCE', 'VERSION', 'STATE', 'REQ/S', 'ERR/S', 'P50', 'P99', 'IN-FLIGHT', 'SHARE'];

/** A line per service, and one below it per instance. */
export function topText(services: readonly TopService[]): string {
  if (services.length === 0)
    return 'The sidecar knows no services yet: those of `discover` appear when they are first called.\n';
  return tableText(
    HEADER,
    services.flatMap(({ total, instances }) => [total, ...instances].map(cells)),
  );
}

function cells(row: TopRow): Cell[] {
  const { service, instance, version, state, requests_per_second, errors_per_second, in_flight, share } = row;
  return [
    service,
    instance,
    version,
    state,
    Number(requests_per_second.toFixed(1)),
    Number(errors_per_second.toFixed(1)),
    durationText(row.p50_ms),
    durationText(row.p99_ms),
    in_flight,
    share === null ? null : `${(100 * share).toFixed(1)}%`,
  ];
}

function durationText(ms: number | null): string | null {
  if (ms === null) return null;
  if (ms < 10) return `${ms.toFixed(2)}ms`;
  return ms < 1_000 ? `${ms.toFixed(0)}ms` : `${(ms / 1_000).toFixed(1)}s`;
}

/** States of which somebody should know. */
const TROUBLE: readonly (string | null)[] = ['backoff', 'unhealthy', 'ejected', 'no instance'];

/** What fills the terminal: as many lines as it has, the first of them saying how to go on. */
export function screenText(
  services: readonly TopService[],
  sort: SortKey,
  size: { readonly rows: number; readonly columns: number },
  color: boolean,
): string {
  const paint = painter(color);
  const keys = Object.entries(SORT_LETTERS).map(([letter, key]) =>
    key === sort ? `[${letter} ${key}]` : `${letter} ${key}`,
  );
  const [header = '', ...lines] = topText(services).trimEnd().split('\n');
  const rows = services.flatMap(({ total, instances }) => [total, ...instances]);
  const room = Math.max(1, size.rows - 3);
  const shown = lines.slice(0, room);
  const more = lines.length - shown.length;
  const cut = (line: string): string => line.slice(0, size.columns);
  return [
    paint('dim', cut(`sort by: ${keys.join('  ')}   q quit`)),
    paint('bold', cut(header)),
    ...shown.map((line, at) => {
      const row = rows[at];
      if (TROUBLE.includes(row?.state ?? null)) return paint('red', cut(line));
      if (row?.state === 'spare') return paint('dim', cut(line));
      return row?.instance === null ? paint('bold', cut(line)) : cut(line);
    }),
    ...(more > 0 ? [cut(`... and ${more} more lines`)] : []),
  ].join('\n');
}
