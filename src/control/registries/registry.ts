import type { OutriggerError } from '../../base/errors.ts';
import type { StaticInstance } from '../../config/registry_options.ts';
import type { Instance } from '../../model/instance.ts';
import type { RegistryStats } from './stats.ts';

/** A record that could not be read: skipped, reported, and never a reason to lose the others. */
export interface BadRecord {
  readonly key: string;
  readonly problem: string;
}

/**
 * Every answer is the complete set: whoever wants to know what changed compares it with the last one.
 * No two instances have the same address.
 */
export interface RegistryAnswer {
  readonly instances: readonly Instance[];
  readonly bad: readonly BadRecord[];
}

/**
 * What a watch tells. `set` may come any number of times, also with the same set again (that says: still true). `error` says
 * that the last set may be out of date; the registry goes on trying by itself, with backoff, until the watch is closed.
 * After an error the next `set` means that the registry answers again. Neither may throw.
 */
export interface RegistryListener {
  set(answer: RegistryAnswer): void;
  error(error: OutriggerError): void;
}

export interface RegistryWatch {
  /** Ends the watch: no call to its listener starts after this returns; resolves when its resources are released. Never rejects. */
  close(): Promise<void>;
}

/** What is to be looked up: for etcd and file a prefix or path, and the record format (`auto` or a name of `records/`). */
export interface RegistryQuery {
  readonly service: string;
  readonly path: string;
  readonly format: string;
  /** For `static` only: the instances that the config gives the service. */
  readonly instances?: readonly StaticInstance[] | undefined;
}

/**
 * A source of instances. Opened once per entry of `registries:`; any number of queries share it.
 * Nothing here throws or rejects because the other side is away: that is an `error` on the listener.
 */
export interface Registry {
  /** The name in the config. */
  readonly name: string;
  /** `etcd`, `file`, `static`, ... */
  readonly type: string;
  /** What the registry has told so far, for the metrics. */
  readonly stats: RegistryStats;
  /** Starts to follow one query. The first answer or error comes asynchronously, never before `watch` returns. */
  watch(query: RegistryQuery, listener: RegistryListener): RegistryWatch;
  /**
   * Whether the other side answers, found out now and once: null if it does, else why not. `path` is where queries will look, up to
   * what differs between them. Resolves within about 2 s and never rejects; watches are not disturbed, and the metrics do not count it.
   */
  check(path: string): Promise<OutriggerError | null>;
  /** Closes all watches and connections. Never rejects. */
  close(): Promise<void>;
}
