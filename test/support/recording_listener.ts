import type { OutriggerError } from '../../src/base/errors.ts';
import type { RegistryAnswer, RegistryListener } from '../../src/control/registries/registry.ts';

/** A listener that keeps all it is told. */
export interface RecordingListener extends RegistryListener {
  readonly answers: RegistryAnswer[];
  readonly errors: OutriggerError[];
  /** Addresses of the last answer, sorted; null before the first. */
  addresses(): string[] | null;
  /** What came last. */
  readonly last: 'nothing' | 'set' | 'error';
}

export function recordingListener(): RecordingListener {
  const answers: RegistryAnswer[] = [];
  const errors: OutriggerError[] = [];
  let last: RecordingListener['last'] = 'nothing';
  return {
    answers,
    errors,
    set(answer) {
      answers.push(answer);
      last = 'set';
    },
    error(error) {
      errors.push(error);
      last = 'error';
    },
    addresses: () =>
      answers
        .at(-1)
        ?.instances.map(({ address }) => address)
        .sort() ?? null,
    get last() {
      return last;
    },
  };
}
