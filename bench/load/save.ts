import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Options } from './args.ts';
import type { Machine } from './machine.ts';
import { type Result, ratiosTo } from './report.ts';
import type { Row } from './turns.ts';

/** Everything about one run of the bench that the tables do not say. */
export interface Provenance {
  readonly date: string;
  readonly commit: string;
  readonly machine: Machine;
  /** The share of all CPU time (0 to 1) that others used during the run. */
  readonly others: number;
  readonly cpus: { readonly load: string; readonly proxy: string };
  readonly versions: Readonly<Record<string, string | null>>;
  /** Peers that did not take part, and why. */
  readonly missing: Readonly<Record<string, string>>;
  readonly options: Options;
}

/** Writes `bench/results/DATE-COMMIT.json`: each run, the medians, and the ratios; gives its path. */
export function saveResults(root: string, provenance: Provenance, results: readonly Result[]): string {
  const directory = join(root, 'bench', 'results');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${provenance.date.replace(/[:.]/g, '-')}-${provenance.commit}.json`);
  const workloads = results.map((result) => {
    const { id, title } = result.workload;
    if ('figures' in result) return { id, title, figures: result.figures };
    const [ours] = result.rows;
    const rows = result.rows.map((row) => ({
      ...row,
      unit: 'CPU and latency in microseconds',
      outriggerTo: row === ours ? null : ratiosTo(ours as Row, row),
    }));
    return { id, title, targets: result.workload.targets, rows };
  });
  writeFileSync(file, `${JSON.stringify({ ...provenance, workloads }, null, 2)}\n`);
  return file;
}
