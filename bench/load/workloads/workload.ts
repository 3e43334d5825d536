import type { BackendKind } from '../backends/backends.ts';
import type { Context } from '../context.ts';
import type { Latency } from '../figures.ts';

/** What a workload can be chosen by. */
interface Named {
  /** Unique: `W2b-10k`. */
  readonly id: string;
  /** Chooses all that belong together: `W2b`. */
  readonly group: string;
  readonly title: string;
  /** False for what is run only when it is named. */
  readonly byDefault: boolean;
}

/** Requests through a proxy: measured for Outrigger and its peers in turns, one line of the table each. */
export interface RequestWorkload extends Named {
  readonly kind: 'requests';
  /** What one request is called in the column of CPU, and by how much its microseconds are divided there. */
  readonly unit: { readonly name: string; readonly divisor: number };
  readonly backends: BackendKind;
  /** Who takes part besides (or instead of) the peers: Outrigger in several settings. */
  readonly variants: readonly Variant[];
  readonly withPeers: boolean;
  /** Clients connect with TLS: only those that terminate it take part. */
  readonly secure?: boolean;
  /** What the project wants to reach, in words: shown below the table. */
  readonly targets: readonly string[];
  /** Before the first round: compiles hot code, fills caches, opens connections. Its result is thrown away. */
  warmUp(context: Context, target: LoadTarget): Promise<unknown>;
  /** The run whose CPU time is counted. */
  run(context: Context, target: LoadTarget): Promise<Run>;
  /** A run of its own for percentiles, where taking them would slow the load generator down; null when `run` has them. */
  percentiles: ((context: Context, target: LoadTarget) => Promise<Run>) | null;
}

/**
 * Requests before the first round, at least. A program that is compiled while it runs, as ours and two of the peers are, costs the more the
 * fewer it has had: after this many, what a request costs does not change any more. All proxies get them.
 */
export const WARM_UP_REQUESTS = 50_000;

/** Outrigger in one setting. */
export interface Variant {
  readonly name: string;
  readonly workers: number;
  /** Runs on both CPUs instead of its own. */
  readonly everywhere: boolean;
  /** Keys of the config beside those that all have. */
  readonly config?: object;
}

/** What is put under load. */
export interface LoadTarget {
  readonly port: number;
  /** The share of requests it gets (`Peer.share`). */
  readonly share: number;
}

/** What one run showed. */
export interface Run {
  /** Answered requests (or messages). */
  readonly done: number;
  /** Of which the CPU time is to be divided by: more than `done` where the run has a part that is not reported. */
  readonly worked: number;
  readonly failed: number;
  readonly perSecond: number | null;
  readonly latency: Latency;
  /** Why the run does not count, or null. */
  readonly problem: string | null;
  /** Something to know about a run that does count. */
  readonly note: string | null;
}

/** Single figures about Outrigger alone. */
export interface FigureWorkload extends Named {
  readonly kind: 'figures';
  /** Debian packages that it needs, by program. */
  readonly needs: Readonly<Record<string, string>>;
  measure(context: Context): Promise<readonly Figure[]>;
}

export interface Figure {
  readonly name: string;
  /** Null when it could not be had. */
  readonly value: number | null;
  readonly unit: string;
  /** What the project wants to reach, in words; empty when there is no such thing. */
  readonly target: string;
  /** How it came about, or why there is none. */
  readonly note?: string;
}

export type Workload = RequestWorkload | FigureWorkload;

/** The usual cast: Outrigger with one worker on a CPU of its own, and all peers. */
export const ALONE: readonly Variant[] = [{ name: 'outrigger', workers: 1, everywhere: false }];

export const PER_REQUEST = { name: 'us/request', divisor: 1 } as const;

const NO_LATENCY: Latency = { mean: null, p50: null, p99: null, p999: null, max: null };

/** A run that gave nothing. */
export function failedRun(problem: string): Run {
  return { done: 0, worked: 0, failed: 0, perSecond: null, latency: NO_LATENCY, problem, note: null };
}
