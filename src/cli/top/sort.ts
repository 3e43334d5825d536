import type { TopRow, TopService } from './rates.ts';

/** What `top` can be sorted by. */
export const SORT_KEYS = ['service', 'requests', 'errors', 'p50', 'p99', 'in-flight', 'share'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** The key that a person presses for each. */
export const SORT_LETTERS: Readonly<Record<string, SortKey>> = {
  n: 'service',
  r: 'requests',
  e: 'errors',
  p: 'p50',
  l: 'p99',
  f: 'in-flight',
  s: 'share',
};

/** Services by `key`, and each one's instances below it by the same; the most first, names from the first, spare instances last. */
export function sorted(services: readonly TopService[], key: SortKey): TopService[] {
  return services
    .map(({ total, instances }) => ({ total, instances: instances.toSorted((a, b) => compare(a, b, key)) }))
    .sort((a, b) => compare(a.total, b.total, key));
}

function compare(a: TopRow, b: TopRow, key: SortKey): number {
  const byName = a.service.localeCompare(b.service) || (a.instance ?? '').localeCompare(b.instance ?? '');
  const bySpare = Number(a.state === 'spare') - Number(b.state === 'spare');
  if (bySpare !== 0) return bySpare;
  return key === 'service' ? byName : figure(b, key) - figure(a, key) || byName;
}

function figure(row: TopRow, key: Exclude<SortKey, 'service'>): number {
  switch (key) {
    case 'requests':
      return row.requests_per_second;
    case 'errors':
      return row.errors_per_second;
    case 'p50':
      return row.p50_ms ?? -1;
    case 'p99':
      return row.p99_ms ?? -1;
    case 'in-flight':
      return row.in_flight;
    case 'share':
      return row.share ?? -1;
  }
}
