import { REGISTRY_BACKOFF } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { EtcdOptions } from '../../../config/registry_options.ts';
import { Gate } from '../gate.ts';
import { findFormat } from '../records/formats.ts';
import type { RecordFormat, RecordProtocol } from '../records/record.ts';
import { refuseFormat } from '../refused.ts';
import type { Registry, RegistryListener, RegistryQuery, RegistryWatch } from '../registry.ts';
import { counted, newRegistryStats } from '../stats.ts';
import { connectEtcd, type EtcdClient } from './client.ts';
import { concernsAll, etcdError } from './errors.ts';
import { Feed, type FeedDeps } from './feed.ts';
import { ETCD_TIMING, type EtcdTiming } from './timing.ts';

/**
 * While etcd is away only one of all watches knocks at a time (see `Gate`), so it may knock often: what waits for the answer
 * is a set of instances that may be wrong.
 */
const AWAY_BACKOFF = { ...REGISTRY_BACKOFF, max: 1_000 };

/** One prefix in one format, and everybody who asked for it. */
interface SharedFeed {
  readonly feed: Feed;
  readonly listeners: Set<RegistryListener>;
}

/** Reads instances from etcd 3.4 and later. Queries with the same path, format and protocol share one watch. */
export function openEtcdRegistry(
  name: string,
  options: EtcdOptions,
  clock: Clock,
  timing: EtcdTiming = { ...ETCD_TIMING, request: options.timeout ?? ETCD_TIMING.request },
): Registry {
  const stats = newRegistryStats();
  const feeds = new Map<string, SharedFeed>();
  const ending = new Set<Promise<void>>();
  let closed = false;
  let connecting: Promise<EtcdClient> | null = null;

  const deps: FeedDeps = {
    clock,
    timing,
    gate: new Gate(AWAY_BACKOFF, clock),
    client() {
      connecting ??= connectEtcd(options, timing).catch((error: unknown) => {
        connecting = null;
        throw error;
      });
      return connecting;
    },
    explain: (cause, doing) => etcdError(cause, name, options.endpoints, doing),
  };

  function share(path: string, format: RecordFormat, protocol: RecordProtocol, key: string): SharedFeed {
    const listeners = new Set<RegistryListener>();
    const everybody: RegistryListener = {
      set(answer) {
        for (const listener of [...listeners]) listener.set(answer);
      },
      error(error) {
        for (const listener of [...listeners]) listener.error(error);
      },
    };
    const shared = { feed: new Feed(path, format, protocol, counted(everybody, stats, clock), deps), listeners };
    feeds.set(key, shared);
    return shared;
  }

  /** The last watch of a feed takes the feed with it. */
  function leave(key: string, shared: SharedFeed, listener: RegistryListener): void {
    if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return;
    feeds.delete(key);
    const end = shared.feed.close();
    ending.add(end);
    void end.finally(() => ending.delete(end));
  }

  /** Resolves with false when there was no answer in time. */
  async function answersInTime(path: string): Promise<boolean> {
    let cancel = (): void => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = clock.after(timing.check, () => resolve(false));
    });
    try {
      const answer = deps.client().then(async (client) => {
        if (!closed) await client.probe(path);
        return true;
      });
      // It may fail after nobody waits for it any more.
      answer.catch(() => {});
      return await Promise.race([answer, late]);
    } finally {
      cancel();
    }
  }

  return {
    name,
    type: 'etcd',
    stats,
    watch(query: RegistryQuery, listener: RegistryListener): RegistryWatch {
      const format = findFormat(query.format);
      if (format === null) return refuseFormat(query, listener);
      if (closed) return { close: () => Promise.resolve() };
      const { path, protocol = 'h2' } = query;
      const key = `${query.format} ${protocol} ${path}`;
      const shared = feeds.get(key) ?? share(path, format, protocol, key);
      // An own object per watch: the same listener may watch twice.
      const own: RegistryListener = { set: (answer) => listener.set(answer), error: (error) => listener.error(error) };
      shared.listeners.add(own);
      queueMicrotask(() => {
        if (shared.listeners.has(own)) shared.feed.replay(own);
      });
      return {
        async close() {
          leave(key, shared, own);
        },
      };
    },
    async check(path) {
      const doing = `reading ${path}`;
      if (closed) return deps.explain(new Error('the registry was closed'), doing);
      try {
        return (await answersInTime(path))
          ? null
          : deps.explain(new Error(`no answer within ${timing.check} ms`), doing);
      } catch (cause) {
        const error = deps.explain(cause, doing);
        // An answer, too: the role of this user may well be granted each service by itself.
        return concernsAll(error) ? error : null;
      }
    },
    async close() {
      closed = true;
      for (const [key, shared] of [...feeds]) {
        for (const listener of [...shared.listeners]) leave(key, shared, listener);
      }
      const client = await connecting?.catch(() => null);
      client?.close();
      await Promise.all(ending);
    },
  };
}
