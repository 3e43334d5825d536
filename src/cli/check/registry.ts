import { systemClock } from '../../base/clock.ts';
import { OutriggerError } from '../../base/errors.ts';
import type { Config } from '../../config/config.ts';
import { withoutKept } from '../../control/registries/kept.ts';
import type { Registry } from '../../control/registries/registry.ts';
import { ask, type ListedRecord } from '../services/ask.ts';
import { configuredTargets } from '../services/targets.ts';
import type { Check } from './checklist.ts';

/** Records that are named below the line. */
const MOST_NAMED = 5;

/** What a registry answered when it was asked for everything that the config says is there. */
export interface AskedRegistry {
  /** The registry itself, and its records. */
  readonly checks: readonly Check[];
  /** Service and address of each instance. */
  readonly instances: readonly (readonly [service: string, address: string])[];
}

/** Asks once for each thing that the config looks up there. Never rejects. */
export async function askRegistry(config: Config, registry: Registry): Promise<AskedRegistry> {
  const errors = new Map<string, OutriggerError>();
  const records: { readonly service: string; readonly record: ListedRecord }[] = [];
  let targets = 0;
  try {
    for (const target of await configuredTargets(config, registry)) {
      targets++;
      const answer = await ask(registry, target, systemClock);
      if (answer.error !== null) errors.set(answer.error.message, answer.error);
      for (const record of answer.records ?? []) {
        records.push({ service: record.service ?? target.query.service, record });
      }
    }
    if (targets === 0) {
      const error = await registry.check(config.discover?.path ?? '');
      if (error !== null) errors.set(error.message, error);
    }
  } catch (error) {
    if (!(error instanceof OutriggerError)) throw error;
    errors.set(error.message, error);
  }
  const of = registry.name;
  const checks: Check[] = Array.from(errors.values(), ({ message, hint }) => ({
    what: 'registry',
    of,
    ok: false,
    text: message,
    hint: withoutKept(hint),
  }));
  if (errors.size === 0)
    checks.push({ what: 'registry', of, ok: true, text: `${registry.type}, answers and lets us read` });
  if (records.length > 0)
    checks.push(
      recordsCheck(
        of,
        records.map(({ record }) => record),
      ),
    );
  const instances = records.flatMap(({ service, record }) =>
    record.instances.map(({ address }) => [service, address] as const),
  );
  return { checks, instances };
}

function recordsCheck(of: string, records: readonly ListedRecord[]): Check {
  const bad = records.filter(({ problem }) => problem !== null);
  const all = records.length === 1 ? '1 record' : `${records.length} records`;
  if (bad.length === 0) return { what: 'records', of, ok: true, text: `${all}, all can be read` };
  const details = bad.slice(0, MOST_NAMED).map(({ key, problem }) => `${key}: ${problem}`);
  if (bad.length > MOST_NAMED) details.push(`and ${bad.length - MOST_NAMED} more`);
  const hint =
    '"format" says how records are read, if "auto" takes them for something else; "outrigger services --registry" lists them';
  return { what: 'records', of, ok: false, text: `${bad.length} of ${all} cannot be read`, details, hint };
}
