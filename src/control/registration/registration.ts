import type { Registrant } from '../registries/records/record.ts';

/**
 * One entry of `register:` when everything about it is known: what is written into the registry, and where. Its `id` is the same for
 * as long as this process runs, and its `path` a prefix of keys (etcd) or the name of the service (Consul).
 */
export interface Registration extends Registrant {
  /** A format that can be written (`WRITERS`); registries with a record of their own (Consul) do not look at it. */
  readonly format: string;
  /** How long the record outlives a sidecar that died, in milliseconds. */
  readonly ttlMs: number;
}
