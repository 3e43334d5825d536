import type { Certificate } from '../certificate.ts';
import type { Context } from '../context.ts';

/** Anything that stands between the load and the backends: a proxy, or nothing. */
export interface Peer {
  readonly name: string;
  /** One line for the list of peers. */
  readonly about: string;
  /** The share of a workload's requests that it gets: slow ones fewer, so that every run takes a few seconds. */
  readonly share: number;
  /** What must be installed, or null when it comes with the bench. */
  readonly needs: { readonly program: string; readonly package: string | null } | null;
  /** Takes part in workloads over TLS. */
  readonly terminatesTls?: boolean;
  /** Its version, or why it cannot be run. */
  find(): Found;
  /** Why it takes no part in a workload; null when it does. */
  excluded(workload: string): string | null;
  /** Starts it in front of `backends` (`host:port`); resolves when it accepts connections. */
  start(context: Context, backends: readonly string[], options: StartOptions): Promise<RunningPeer>;
}

export type Found =
  | { readonly kind: 'found'; readonly version: string }
  | { readonly kind: 'missing'; readonly reason: string };

export interface StartOptions {
  /** Data threads. Peers other than Outrigger always have one. */
  readonly workers: number;
  /** Outrigger only: further keys of its config. */
  readonly config?: object;
  /** Where it runs, as `taskset` takes it. */
  readonly cpus: string;
  /** Connections of clients come with TLS, and end here; null: plain HTTP/2. Only for peers that say they can. */
  readonly tls: Certificate | null;
}

export interface RunningPeer {
  /** Where it listens, on loopback. */
  readonly port: number;
  /** Its main process; null when there is none to account for. */
  readonly pid: number | null;
  stop(): Promise<void>;
}
