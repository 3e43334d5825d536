import type { Reason } from '../../base/errors.ts';
import type { ServiceSettings } from '../../model/service.ts';
import type { Endpoint } from './endpoint.ts';
import type { Subset } from './subset.ts';

/** Instances named in one message; more are only counted. */
const NAMED = 3;
const NAMED_VERSIONS = 20;

/** The message of `no_version`. Its form is a promise: clients of the reference picker look for `no match found conn`. */
export function describeNoVersion(service: string, version: string, counts: string): string {
  return `no match found conn: service "${service}" has no instance of version "${printable(version)}" (${counts})`;
}

/** Nobody has the labels that the request insists on. */
export function describeNoLabel(
  service: string,
  version: string | null,
  labels: readonly { readonly label: string; readonly value: string }[],
  counts: string,
): string {
  const asked = labels.map(({ label, value }) => `${label} "${printable(value)}"`).join(' and ');
  const of = version === null ? '' : ` of version "${printable(version)}"`;
  const what = asked === '' ? 'that serves this method' : `with ${asked}`;
  return `no match found conn: service "${service}" has no instance${of} ${what} (${counts})`;
}

/** `v1: 2, v2: 1`: the versions there are, and how many instances have each. */
export function describeVersions(endpoints: readonly Endpoint[]): string {
  const counts = new Map<string, number>();
  for (const { record } of endpoints) {
    const name = record.version ?? '(none)';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const list = sorted.slice(0, NAMED_VERSIONS).map(([name, count]) => `${name}: ${count}`);
  if (sorted.length > NAMED_VERSIONS) list.push(`and ${sorted.length - NAMED_VERSIONS} more versions`);
  return list.join(', ');
}

export function describeNoInstance(service: string, settings: ServiceSettings, updatedAt: number): string {
  const where = `registry "${settings.registry}"${settings.path === '' ? '' : `, path "${settings.path}"`}`;
  const age = updatedAt === 0 ? 'it has not answered yet' : `last answer ${formatAge(Date.now() - updatedAt)} ago`;
  return `service "${service}" has no instances (${where}; ${age})`;
}

/** Why none of a subset can be picked: all failed to connect, or for several reasons. */
export function describeNoneReady(service: string, subset: Subset): { reason: Reason; message: string } {
  const members = subset.members;
  const of = subset.version === null ? '' : ` of version "${subset.version}"`;
  const details = members.slice(0, NAMED).map((endpoint) => {
    const attempts = endpoint.failures === 1 ? '1 attempt' : `${endpoint.failures} attempts`;
    return `${endpoint.id}: ${endpoint.state}, ${endpoint.lastError || 'not connected'} (${attempts})`;
  });
  if (members.length > NAMED) details.push(`and ${members.length - NAMED} more`);
  const failed = members.every((endpoint) => endpoint.state === 'backoff');
  const count = members.length === 1 ? 'the only instance' : `none of ${members.length} instances`;
  const verb = members.length === 1 ? 'is not ready' : 'is ready';
  return {
    reason: failed ? 'connect_failed' : 'no_healthy',
    message: `service "${service}": ${count}${of} ${verb}: ${details.join('; ')}`,
  };
}

function formatAge(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** What a client sent, cut and cleaned for a message. */
function printable(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '?');
  return clean.length > 64 ? `${clean.slice(0, 64)}...` : clean;
}
