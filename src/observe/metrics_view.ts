import type { Range } from '../model/counters.ts';
import type { EndpointRecord, VersionRanges } from '../model/snapshot.ts';
import type { Exemplar } from './exemplars.ts';

/** Reads the counters that the data threads write. Values are those of the moment of the call. */
export interface CounterReader {
  /** How many data threads there are. */
  readonly threads: number;
  /** One slot of a range, added up over all data threads. */
  sum(range: Range, slot: number): number;
  /** One slot of a range in one data thread. */
  read(thread: number, range: Range, slot: number): number;
}

/** A service as the metrics see it: where its counters stand. An instance that is not listed has no series. */
export interface ServiceMetrics {
  readonly name: string;
  readonly counters: Range;
  readonly versions: VersionRanges;
  readonly instances: Iterable<InstanceMetrics>;
  /** True while the registry cannot confirm the set. Without a series when left out. */
  readonly stale?: boolean;
}

export type InstanceMetrics = Pick<EndpointRecord, 'address' | 'version' | 'counters'>;

/** One entry of `registries:` as the metrics see it. */
export interface RegistryMetrics {
  readonly name: string;
  /** How often the registry answered with a set. */
  readonly updates: number;
  /** How often it failed, by the code of the error. */
  readonly errors: Readonly<Record<string, number>>;
  /** When it last answered, in epoch milliseconds; 0 if never. */
  readonly lastUpdateAt: number;
}

/** One `tls:` of the config as the metrics see it. */
export interface CertificateMetrics {
  /** The key that it stands under. */
  readonly name: string;
  /** How often its files changed, and the new ones were taken. */
  readonly reloads: number;
  /** How often they changed and could not be used. */
  readonly failures: number;
  /** When our own certificate expires, in epoch milliseconds; null when there is none. */
  readonly expiresAt: number | null;
}

/** One entry of `register:` as the metrics see it. */
export interface RegistrationMetrics {
  readonly service: string;
  readonly registry: string;
  readonly state: string;
}

/** A traced request for each bucket of a service's durations, counted from 0; null where there is none. */
export interface ExemplarSource {
  get(service: string, bucket: number): Exemplar | null;
}

/** All that a scrape reads, gathered when the scrape comes. Implemented where the process is put together. */
export interface MetricsView {
  readonly counters: CounterReader;
  services(): Iterable<ServiceMetrics>;
  registries(): Iterable<RegistryMetrics>;
  /** How often each data thread was restarted, by its index. */
  restarts(): readonly number[];
  /** None when left out. */
  certificates?(): Iterable<CertificateMetrics>;
  /** Reloads of the config by how they ended; none when left out. */
  reloads?(): Readonly<Record<string, number>>;
  /** Records of single requests that are missing, by who missed them, and spans that were sent; none when left out. */
  observation?(): { readonly dropped: Readonly<Record<string, number>>; readonly spansExported: number };
  /** Kept while something is traced; none when left out. */
  readonly exemplars?: ExemplarSource;
  /** None when left out. */
  registrations?(): Iterable<RegistrationMetrics>;
}
