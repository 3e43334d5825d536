import type { SrvRecord } from './resolver.ts';

/**
 * The records of one SRV answer by priority, the lowest first, which is used as long as it has instances. A target of "." says
 * that the service is not to be had here. RFC 2782.
 */
export function byPriority(records: readonly SrvRecord[]): readonly (readonly SrvRecord[])[] {
  const groups = new Map<number, SrvRecord[]>();
  for (const record of records) {
    if (record.name === '' || record.name === '.') continue;
    const group = groups.get(record.priority) ?? [];
    group.push(record);
    groups.set(record.priority, group);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}

/** What a weight of 0 is worth beside others: "a very small chance of being selected". */
const VERY_SMALL = 0.01;

/** The weight of an instance: that of its record. A group where all say 0 does no selection: all count the same. */
export function weightOf({ weight }: SrvRecord, group: readonly SrvRecord[]): number {
  if (weight > 0) return weight;
  return group.every((other) => other.weight === 0) ? 1 : VERY_SMALL;
}
