import type { Clock } from '../../base/clock.ts';
import { OutriggerError } from '../../base/errors.ts';
import type { Registry, RegistryAnswer, SeenRecord } from '../../control/registries/registry.ts';
import type { Target } from './targets.ts';

/** Longest wait for the first answer, in milliseconds: a little more than a registry's own patience, whose error says more. */
const PATIENCE = 8_000;

/** A record, and whose it is. */
export interface ListedRecord extends SeenRecord {
  readonly service: string | null;
}

/** What came of one question: the records, or what is wrong; a file can be readable in part, and has both. */
export interface TargetAnswer {
  readonly records: readonly ListedRecord[] | null;
  readonly error: OutriggerError | null;
}

/** Asks once. Never rejects, and takes no longer than `PATIENCE`. */
export async function ask(registry: Registry, target: Target, clock: Clock): Promise<TargetAnswer> {
  let cancel = (): void => {};
  let watch: { close(): Promise<void> } | null = null;
  const answer = await new Promise<TargetAnswer>((resolve) => {
    let records: readonly ListedRecord[] | null = null;
    let error: OutriggerError | null = null;
    // What is told together belongs together.
    const settle = (): void => void setImmediate(() => resolve({ records, error }));
    cancel = clock.after(PATIENCE, () => {
      error = new OutriggerError(
        'registry_silent',
        `registry "${registry.name}": no answer within ${PATIENCE / 1000} s`,
        {
          hint: 'Check that it runs, and that the address leads there.',
        },
      );
      settle();
    });
    watch = registry.watch(target.query, {
      set(told) {
        records ??= recordsOf(told).map((record) => ({ ...record, service: target.serviceOf(record.key) }));
        settle();
      },
      error(told) {
        error ??= told;
        settle();
      },
    });
  });
  cancel();
  await (watch as { close(): Promise<void> } | null)?.close();
  return answer;
}

/** Registries without records of their own say who is there, and that is all there is to know. */
function recordsOf({ instances, bad, records }: RegistryAnswer): readonly SeenRecord[] {
  if (records !== undefined) return records();
  return [
    ...instances.map((instance) => ({ key: instance.id, format: null, instances: [instance], problem: null })),
    ...bad.map(({ key, problem }) => ({ key, format: null, instances: [], problem })),
  ];
}
