import type { OutriggerError } from '../../base/errors.ts';
import type { StaticInstance } from '../../config/registry_options.ts';
import type { Instance } from '../../model/instance.ts';
import type { RecordProtocol } from './records/record.ts';
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
  /** When this was true, in epoch milliseconds; left out: now. For sets that come from somewhere else than the registry. */
  readonly confirmedAt?: number;
  /** Why the set may be out of date, wholly or in part, though it is the best there is; left out: it is confirmed. */
  readonly trouble?: OutriggerError;
  /**
   * Every record there is, and how it was read, for those who look closer; made when called, of what is known then. Left out by
   * registries that hold no records of their own.
   */
  readonly records?: () => readonly SeenRecord[];
}

/** A record, and what was made of it. */
export interface SeenRecord {
  readonly key: string;
  /** The name of the format that it was read as; null when it has the shape of none. */
  readonly format: string | null;
  /** Who is there; empty when the record says that nobody is, or cannot be read. */
  readonly instances: readonly Instance[];
  /** Why it could not be read; null when it could. */
  readonly problem: string | null;
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
  /** What the instances must speak; `h2` when left out. A record with several endpoints gives the one that does. */
  readonly protocol?: RecordProtocol | undefined;
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
  /**
   * The names of the services that it holds, where a path cannot ask for all of them at once. Rejects with an OutriggerError
   * when they cannot be read.
   */
  names?(): Promise<readonly string[]>;
  /** Closes all watches and connections. Never rejects. */
  close(): Promise<void>;
}
