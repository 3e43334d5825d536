import type { Options } from './args.ts';

/** What every part of one bench run shares. */
export interface Context {
  readonly options: Options;
  /** The CPU of the proxy under test, and the one of everything else, as `taskset` takes them. */
  readonly proxyCpu: string;
  readonly loadCpu: string;
  /** A directory of this run, removed at its end; in memory where possible, since logs are written while we measure. */
  readonly directory: string;
  /** The checkout. */
  readonly root: string;
  /** The number of requests (or of anything that is counted) a workload makes: `normal`, unless the options say otherwise. */
  count(normal: number): number;
  /** The same for seconds. */
  seconds(normal: number): number;
  /** A line of progress, on standard error. */
  say(line: string): void;
}

/** What `--quick` divides by: enough to see that everything works, far too little for figures. */
const QUICK = 50;

/** Applies `--requests` and `--quick` to a normal count. */
export function scaledCount(options: Options, normal: number): number {
  if (options.requests !== null) return options.requests;
  return options.quick ? Math.max(10, Math.round(normal / QUICK)) : normal;
}

/** Both CPUs, for what is not a matter of one: the main thread and the data thread work side by side. */
export function bothCpus(context: Context): string {
  return `${context.loadCpu},${context.proxyCpu}`;
}
