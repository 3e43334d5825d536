import type { OutriggerError } from '../../../base/errors.ts';
import type { RegistryMode } from '../../../config/config.ts';
import type { Instance } from '../../../model/instance.ts';
import type { BadRecord, RegistryAnswer, SeenRecord } from '../registry.ts';

/** What one of several registries has told so far. */
export interface MemberView {
  readonly name: string;
  /** Its last set; null before the first. */
  readonly answer: RegistryAnswer | null;
  /** Why it cannot be asked now; null when it answers, and before it has told anything. */
  readonly error: OutriggerError | null;
}

/**
 * What several registries say together: a set, an error, or nothing yet (null).
 *
 * A set without instances is told only when every registry has had its say: who waits for the first instance should not be told
 * that there is none by the registry that is quicker. An error is told when there is no set to go on with.
 */
export function combine(views: readonly MemberView[], mode: RegistryMode): RegistryAnswer | OutriggerError | null {
  const heard = mode === 'union' ? views : untilInstances(views);
  const instances = union(heard);
  const error = heard.find((view) => view.error !== null)?.error ?? null;
  if (instances.length === 0) {
    if (heard.some((view) => view.answer === null && view.error === null)) return null;
    if (heard.some((view) => view.answer === null)) return error;
  }
  const confirmed = heard.flatMap(({ answer }) => answer?.confirmedAt ?? []);
  return {
    instances,
    bad: heard.flatMap(badOf),
    records: () => heard.flatMap(recordsOf),
    ...(error === null ? {} : { trouble: error }),
    ...(confirmed.length === 0 ? {} : { confirmedAt: Math.min(...confirmed) }),
  };
}

/**
 * The registries up to the first one that has instances; those before it have none, or cannot say. One that has not been heard of
 * yet ends the row, too: it may be the one.
 */
function untilInstances(views: readonly MemberView[]): readonly MemberView[] {
  const last = views.findIndex(({ answer, error }) => (answer === null ? error === null : answer.instances.length > 0));
  return last === -1 ? views : views.slice(0, last + 1);
}

function badOf({ name, answer }: MemberView): BadRecord[] {
  return (answer?.bad ?? []).map(({ key, problem }) => ({ key: `${name}: ${key}`, problem }));
}

function recordsOf({ name, answer }: MemberView): SeenRecord[] {
  return (answer?.records?.() ?? []).map((record) => ({ ...record, key: `${name}: ${record.key}` }));
}

/** By address; the first record of an address stays. */
function union(views: readonly MemberView[]): Instance[] {
  const byAddress = new Map<string, Instance>();
  for (const { answer } of views) {
    for (const instance of answer?.instances ?? []) {
      if (!byAddress.has(instance.address)) byAddress.set(instance.address, instance);
    }
  }
  return [...byAddress.values()];
}
