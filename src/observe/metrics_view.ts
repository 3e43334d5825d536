import type { Range } from '../model/counters.ts';
import type { EndpointRecord, VersionRanges } from '../model/snapshot.ts';

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

/** All that a scrape reads, gathered when the scrape comes. Implemented where the process is put together. */
export interface MetricsView {
  readonly counters: CounterReader;
  services(): Iterable<ServiceMetrics>;
  registries(): Iterable<RegistryMetrics>;
  /** How often each data thread was restarted, by its index. */
  restarts(): readonly number[];
}
