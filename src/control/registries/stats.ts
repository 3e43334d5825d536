import type { Clock } from '../../base/clock.ts';
import type { RegistryListener } from './registry.ts';

/** What the metrics `registry_updates_total`, `registry_errors_total` and `registry_last_update_timestamp_seconds` say. */
export interface RegistryStats {
  /** Answers received; queries that share one watch share its answers. */
  updates: number;
  /** Failures by the error's code, plus `bad_record`: one for each record that could not be read. */
  readonly errors: Record<string, number>;
  /** When the last answer came, in epoch milliseconds; 0 if none did. */
  lastUpdateAt: number;
}

export function newRegistryStats(): RegistryStats {
  return { updates: 0, errors: {}, lastUpdateAt: 0 };
}

/** Counts what passes through on its way to `listener`; a bad record counts once for as long as it stays the same. */
export function counted(listener: RegistryListener, stats: RegistryStats, clock: Clock): RegistryListener {
  const count = (reason: string): void => {
    stats.errors[reason] = (stats.errors[reason] ?? 0) + 1;
  };
  let known = new Map<string, string>();
  return {
    set(answer) {
      stats.updates++;
      stats.lastUpdateAt = clock.now();
      const bad = new Map<string, string>();
      for (const { key, problem } of answer.bad) {
        if (known.get(key) !== problem) count('bad_record');
        bad.set(key, problem);
      }
      known = bad;
      listener.set(answer);
    },
    error(error) {
      count(error.code);
      listener.error(error);
    },
  };
}
