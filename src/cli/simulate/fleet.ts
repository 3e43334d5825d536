import type { ServiceConfig } from '../../config/config.ts';

/** How an instance answers: well; at once, and with an error; or ten times as slowly as the others. */
export type Condition = 'well' | 'failing' | 'slow';

/** An instance that does not exist. */
export interface FleetInstance {
  readonly address: string;
  readonly version: null;
  readonly weight: number;
  readonly zone: string | null;
  readonly condition: Condition;
}

/**
 * Made-up instances, sorted by address. Weights and zones are those of the instances that stand in the config, if any do, over and over.
 * @param random who fails and who is slow is drawn
 */
export function makeFleet(
  service: Pick<ServiceConfig, 'instances'>,
  count: number,
  fail: number,
  slow: number,
  random: () => number,
): FleetInstance[] {
  const { instances: patterns } = service;
  const conditions = shuffled(count, Math.round(count * fail), Math.round(count * slow), random);
  return conditions.map((condition, index) => {
    const pattern = patterns[index % Math.max(1, patterns.length)];
    const address = fleetAddress(index);
    return { address, version: null, weight: pattern?.weight ?? 1, zone: pattern?.zone ?? null, condition };
  });
}

/** In order of their index, and sorted as texts, too. */
function fleetAddress(index: number): string {
  const part = (shift: number): number => 100 + ((index >> shift) & 127);
  return `10.${part(14)}.${part(7)}.${part(0)}:8080`;
}

function shuffled(count: number, failing: number, slow: number, random: () => number): Condition[] {
  const conditions = Array.from({ length: count }, (_, index): Condition => {
    if (index < failing) return 'failing';
    return index < failing + slow ? 'slow' : 'well';
  });
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [conditions[i], conditions[other]] = [conditions[other] as Condition, conditions[i] as Condition];
  }
  return conditions;
}
