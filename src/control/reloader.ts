import { dirname, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import { type Problem, problemText } from '../config/problem.ts';
import type { ReloadOutcome } from '../config/reload.ts';
import { DirectoryWatch } from './files/directory_watch.ts';

/** A config that was read again: checked and complete, or all that is wrong with it. */
export type Reread =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

/** How a reload ended: the `result` label of `config_reloads_total`. */
export const RELOAD_RESULTS = ['applied', 'unchanged', 'rejected'] as const;
export type ReloadResult = (typeof RELOAD_RESULTS)[number];

export interface ReloadReport {
  readonly result: ReloadResult;
  /** Top-level keys that hold now, and those that need a restart. */
  readonly changed: readonly string[];
  readonly restart: readonly string[];
  /** One line for each thing that is wrong; the old config stays. */
  readonly problems: readonly string[];
}

export interface ReloaderDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Reads the config in the way that the start did. May reject: then nothing changes. */
  readonly read: () => Promise<Reread>;
  /** Rejects when what the config names cannot be used, with an AggregateError if that is several things: then nothing has changed. */
  readonly apply: (config: Config) => Promise<ReloadOutcome>;
  /** Told of each reload that is news, as the log is. */
  readonly told?: (report: ReloadReport) => void;
}

/**
 * Takes over a changed config: all of it is checked first, and with any problem the old one stays. Asked by whoever wants, and by the
 * directory of the file, since editors and ConfigMaps replace files and do not write into them.
 */
export class Reloader {
  readonly counts: Readonly<Record<ReloadResult, number>>;
  readonly #deps: ReloaderDeps;
  readonly #watch: DirectoryWatch | null;
  #running: Promise<unknown> = Promise.resolve();
  /** What was last wrong; the same is not told twice by the watch. */
  #told = '';
  #closed = false;

  /** `file`: the config file that is watched; null when the config came from flags alone. */
  constructor(file: string | null, deps: ReloaderDeps) {
    this.#deps = deps;
    this.counts = { applied: 0, unchanged: 0, rejected: 0 };
    this.#watch = file === null ? null : this.#watchOver(dirname(resolve(file)));
  }

  /** Reads the config and takes it over; `by` is for the log. One at a time. Never rejects. */
  reload(by: string): Promise<ReloadReport> {
    const done = this.#running.then(() => this.#reload(by));
    this.#running = done;
    return done;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.close();
    await this.#running;
  }

  #watchOver(directory: string): DirectoryWatch {
    const watch: DirectoryWatch = new DirectoryWatch(this.#deps.clock, () => {
      // The directory itself may be another one by now.
      void watch.attach(directory).then(() => (this.#closed ? null : this.reload('file')));
    });
    void watch.attach(directory);
    return watch;
  }

  async #reload(by: string): Promise<ReloadReport> {
    const { read, apply, log } = this.#deps;
    let problems: string[];
    try {
      const reread = await read();
      if (reread.kind === 'config') {
        const { changed, restart } = await apply(reread.config);
        return this.#took(by, changed, restart);
      }
      problems = reread.problems.map(problemText);
    } catch (error) {
      problems = error instanceof AggregateError ? error.errors.map(describeError) : [describeError(error)];
    }
    const text = problems.join('\n');
    const report: ReloadReport = { result: 'rejected', changed: [], restart: [], problems };
    if (by !== 'file' || text !== this.#told) {
      this.#count(report);
      log.error('The config cannot be taken over: the one before stays in force.', { by, problems: text });
    }
    this.#told = text;
    return report;
  }

  #took(by: string, changed: readonly string[], restart: readonly string[]): ReloadReport {
    const { log } = this.#deps;
    const waits = restart.join(', ');
    // The watch looks often, and mostly for nothing.
    const news = changed.length > 0 || waits !== this.#told;
    this.#told = waits;
    const result = changed.length > 0 ? 'applied' : 'unchanged';
    const report: ReloadReport = { result, changed, restart, problems: [] };
    if (by !== 'file' || news) {
      this.#count(report);
      const fields = { by, changed: changed.join(', ') || undefined, needs_restart: waits || undefined };
      if (waits !== '') log.warn('The config was read again; some of it needs a restart.', fields);
      else log.info(changed.length > 0 ? 'The config was taken over.' : 'The config has not changed.', fields);
    }
    return report;
  }

  #count(report: ReloadReport): void {
    (this.counts as Record<ReloadResult, number>)[report.result]++;
    this.#deps.told?.(report);
  }
}
