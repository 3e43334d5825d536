import type { LogLevel } from '../base/log.ts';
import type { EndpointRecord } from '../model/snapshot.ts';
import type { CounterReader } from '../observe/metrics_view.ts';

/** A service as the admin server shows it. */
export interface ServiceView {
  readonly name: string;
  /** Name of the registry in the config, and the path looked up in it. */
  readonly registry: string;
  readonly path: string;
  /** Record format: `auto` or a name. */
  readonly format: string;
  readonly balance: string;
  /** When the registry last confirmed the set, in epoch milliseconds; 0 if never. */
  readonly updatedAt: number;
  /** True while the set may be out of date, since the registry does not answer. */
  readonly stale: boolean;
  readonly instances: Iterable<EndpointRecord>;
}

/** What the admin server reads, at the moment of a request. Implemented where the process is put together. */
export interface AdminView {
  readonly counters: CounterReader;
  services(): Iterable<ServiceView>;
  /** Epoch milliseconds, of the same clock as `updatedAt`. */
  now(): number;
  /** The effective config, as plain data. Values that look like secrets are masked before they are shown. */
  config(): unknown;
}

/** What the admin server can make the process do. `drain` and `shutdown` are called when the answer to the request has left. */
export interface AdminActions {
  setLogLevel(level: LogLevel): void;
  /** Stop taking new requests, finish those in flight, go on running. */
  drain(): void | Promise<void>;
  /** Drain, then end the process. */
  shutdown(): void | Promise<void>;
}

/** Whether traffic may be sent: `reasons` says what is still missing. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}
