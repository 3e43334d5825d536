import type { LogLevel } from '../base/log.ts';
import type { JournalReader } from '../control/journal.ts';
import type { ReloadReport } from '../control/reloader.ts';
import type { Range } from '../model/counters.ts';
import type { ExplainRequest, Explanation } from '../model/explain.ts';
import type { RequestRecord, TapFilter } from '../model/observation.ts';
import type { EndpointRecord, VersionRanges } from '../model/snapshot.ts';
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
  /** What is wrong with the registry; null when it answers. */
  readonly trouble?: string | null;
  /** Where the counters of the service and of its versions stand. */
  readonly totals?: { readonly counters: Range; readonly versions: VersionRanges };
  /** Why an instance cannot be connected to; null when it can. */
  readonly errorOf?: (address: string) => string | null;
}

/** One entry of `register:` as the admin server shows it. */
export interface RegistrationView {
  readonly service: string;
  readonly registry: string;
  readonly address: string | null;
  /** The key or id of the record. */
  readonly place: string | null;
  readonly state: string;
  /** When the state began, in epoch milliseconds. */
  readonly since: number;
  /** Why it is not registered; null when it is. */
  readonly reason: string | null;
}

/** What the admin server reads, at the moment of a request. Implemented where the process is put together. */
export interface AdminView {
  readonly counters: CounterReader;
  services(): Iterable<ServiceView>;
  /** Epoch milliseconds, of the same clock as `updatedAt`. */
  now(): number;
  /** What happened lately; nothing when left out. */
  readonly journal?: JournalReader;
  /** What `register:` lists and how it stands, as plain data; none when left out. */
  registrations?(): readonly RegistrationView[];
  /** What would become of a request. Rejects with an OutriggerError when no data thread answers. */
  explain(request: ExplainRequest): Promise<Explanation>;
  /**
   * Somebody looks at requests: `told` hears of each that has ended and that the filter lets through, until what this gives is called.
   * Null when too many look already.
   */
  tap(filter: TapFilter, told: (record: RequestRecord) => void): (() => void) | null;
  /** The effective config, as plain data. Values that look like secrets are masked before they are shown. */
  config(): unknown;
}

/** What the admin server can make the process do. `drain` and `shutdown` are called when the answer to the request has left. */
export interface AdminActions {
  setLogLevel(level: LogLevel): void;
  /** Stop taking new requests, finish those in flight, go on running. */
  drain(): void | Promise<void>;
  /** Read the config again, and take it over if nothing is wrong with it. */
  reload(): Promise<ReloadReport>;
  /** Drain, then end the process. */
  shutdown(): void | Promise<void>;
}

/** Whether traffic may be sent: `reasons` says what is still missing. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}
