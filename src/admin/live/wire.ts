/*
 * What `GET /events` sends, as the page reads it: types only, since the page's script shares them. Every event's data is one line of JSON.
 */

/** Event `hello`, first on every connection: forget what was known when `process` is another one. */
export interface Hello {
  /** Which process this is. */
  readonly process: string;
  readonly version: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** What can be asked for here, as `GET /explain`. */
  readonly can: readonly string[];
  /** Upper bounds of latency buckets in seconds; one more bucket counts what lies above. */
  readonly bounds: readonly number[];
}

export type InstanceDescription = readonly [
  id: string,
  address: string,
  version: string | null,
  weight: number,
  zone: string | null,
];

/** Event `service`: a service is new, or what stands here has changed. Rows name instances by their index. */
export interface ServiceDescription {
  readonly name: string;
  readonly registry: string;
  readonly path: string;
  readonly format: string;
  readonly balance: string;
  readonly instances: readonly InstanceDescription[];
}

/** Counters go up only, within one process; latencies are of some ten seconds, in milliseconds, null without requests. */
export type InstanceRow = readonly [
  index: number,
  state: string,
  inFlight: number,
  requests: number,
  failures: number,
  p50: number | null,
  p99: number | null,
  reason: string | null,
];

export interface ServiceTick {
  readonly name: string;
  /** Milliseconds since the registry last confirmed the set; null if never. */
  readonly age: number | null;
  readonly stale: boolean;
  /** What is wrong with the registry; null when it answers. */
  readonly trouble: string | null;
  readonly requests: number;
  readonly errors: number;
  readonly inFlight: number;
  readonly pending: number;
  readonly p50: number | null;
  readonly p99: number | null;
  /** Requests by latency bucket, of some ten seconds. */
  readonly latency: readonly number[];
  /** Instances of which something has changed; all of them at first. */
  readonly rows: readonly InstanceRow[];
}

/** Event `tick`, every second: all services there are. One that is missing is gone. */
export interface Tick {
  readonly at: number;
  readonly services: readonly ServiceTick[];
}

/** Event `change`, as it happens, and `journal` (a list of them) at first. */
export interface Change {
  readonly id: number;
  readonly at: number;
  readonly kind: string;
  readonly service: string | null;
  readonly registry: string | null;
  readonly instances: readonly string[];
  readonly count: number;
  readonly detail: string | null;
  readonly times: number;
}
