import { REGISTRY_BACKOFF } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { ZookeeperOptions } from '../../../config/registry_options.ts';
import { Gate } from '../gate.ts';
import { findFormat } from '../records/formats.ts';
import type { RecordFormat, RecordProtocol } from '../records/record.ts';
import { refuseFormat } from '../refused.ts';
import type { Registry, RegistryListener, RegistryQuery, RegistryWatch } from '../registry.ts';
import { counted, newRegistryStats } from '../stats.ts';
import { concernsAll, zookeeperError } from './errors.ts';
import { Feed, type FeedDeps } from './feed.ts';
import { nodePath } from './paths.ts';
import { SessionSource } from './session_source.ts';
import { ZOOKEEPER_TIMING, type ZookeeperTiming } from './timing.ts';

/** While ZooKeeper is away only one of all watches knocks at a time (see `Gate`), so it may knock often. */
const AWAY_BACKOFF = { ...REGISTRY_BACKOFF, max: 1_000 };

/** One path in one format, and everybody who asked for it. */
interface SharedFeed {
  readonly feed: Feed;
  readonly listeners: Set<RegistryListener>;
}

/**
 * Reads instances from the children of a ZooKeeper node: the path of a query is that node's. All queries share one session, and those
 * with the same path, format and protocol share the watches, too.
 */
export function openZookeeperRegistry(
  name: string,
  options: ZookeeperOptions,
  clock: Clock,
  timing: ZookeeperTiming = { ...ZOOKEEPER_TIMING, session: options.sessionTimeout ?? ZOOKEEPER_TIMING.session },
): Registry {
  const stats = newRegistryStats();
  const feeds = new Map<string, SharedFeed>();
  const ending = new Set<Promise<void>>();
  const sessions = new SessionSource(options, clock, timing);
  let closed = false;

  const deps: FeedDeps = {
    clock,
    timing,
    gate: new Gate(AWAY_BACKOFF, clock),
    session: () => sessions.get(),
    explain: (cause, doing) => zookeeperError(cause, name, options.servers, doing),
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
    const answer = sessions.get().then(async (session) => {
      await session.probe(nodePath(path));
      return true;
    });
    // It may fail after nobody waits for it any more.
    answer.catch(() => {});
    try {
      return await Promise.race([answer, late]);
    } finally {
      cancel();
    }
  }

  return {
    name,
    type: 'zookeeper',
    stats,
    watch(query: RegistryQuery, listener: RegistryListener): RegistryWatch {
      const format = findFormat(query.format);
      if (format === null) return refuseFormat(query, listener);
      if (closed) return { close: () => Promise.resolve() };
      const { path, protocol = 'h2' } = query;
      const key = `${query.format} ${protocol} ${nodePath(path)}`;
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
        if (await answersInTime(path)) return null;
        return deps.explain(new Error(`no answer within ${timing.check} ms`), doing);
      } catch (cause) {
        const error = deps.explain(cause, doing);
        // An answer, too: the ACLs may well let this user read each service by itself.
        return concernsAll(error) ? error : null;
      }
    },
    async close() {
      closed = true;
      for (const [key, shared] of [...feeds]) {
        for (const listener of [...shared.listeners]) leave(key, shared, listener);
      }
      await sessions.close();
      await Promise.all(ending);
    },
  };
}
