import type { InstanceJson, ServiceJson } from '../../admin/services_json.ts';
import { type Cell, tableText } from '../table.ts';

const HEADER = [
  'SERVICE',
  'ADDRESS',
  'VERSION',
  'WEIGHT',
  'ZONE',
  'STATE',
  'IN-FLIGHT',
  'REQUESTS',
  'FAILURES',
  'SHARE',
  'AGE',
  'STALE',
  'REASON',
];

/** A longer reason is cut, so that the table stays one; --json has all of it. In characters. */
const WIDEST_REASON = 80;

/** What a sidecar knows, for people: a line per instance, and one for each service that has none. */
export function servicesText(services: readonly ServiceJson[]): string {
  if (services.length === 0)
    return 'The sidecar knows no services yet: those of `discover` appear when they are first called.\n';
  return tableText(HEADER, services.flatMap(rowsOf));
}

function rowsOf(service: ServiceJson): Cell[][] {
  const age = ageText(service.updated_ms_ago);
  const stale = service.stale ? 'stale' : 'no';
  if (service.instances.length === 0) {
    return [[service.name, null, null, null, null, 'no instance', null, null, null, null, age, stale, null]];
  }
  const total = service.instances.reduce((sum, { requests }) => sum + requests, 0);
  return service.instances.map((instance) => [
    service.name,
    ...instanceCells(instance, total),
    age,
    stale,
    reasonText(instance.reason),
  ]);
}

function instanceCells(instance: InstanceJson, total: number): Cell[] {
  const { address, version, weight, zone, state, in_flight, requests, failures } = instance;
  const share = total === 0 ? null : `${((100 * requests) / total).toFixed(1)}%`;
  return [address, version, weight, zone, state, in_flight, requests, failures, share];
}

function reasonText(reason: string | null): string | null {
  const characters = Array.from(reason ?? '');
  return characters.length > WIDEST_REASON ? `${characters.slice(0, WIDEST_REASON - 1).join('')}…` : reason;
}

/** How long ago the registry last confirmed the set. */
function ageText(ms: number | null): string {
  if (ms === null) return 'never';
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)}s`;
  return ms < 3_600_000 ? `${Math.floor(ms / 60_000)}m` : `${Math.floor(ms / 3_600_000)}h`;
}
