import { REGISTRY_BACKOFF } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import { OutriggerError } from '../../../base/errors.ts';
import type { DnsOptions } from '../../../config/dns_options.ts';
import { DNS_PATH, type DnsTarget, parseDnsPath } from '../../../config/dns_path.ts';
import { Gate } from '../gate.ts';
import { refuse } from '../refused.ts';
import type { Registry, RegistryListener, RegistryQuery, RegistryWatch } from '../registry.ts';
import { counted, newRegistryStats } from '../stats.ts';
import { dnsError, nobodyAnswers } from './errors.ts';
import { Lookup } from './lookup.ts';
import { DnsResolver } from './resolver.ts';
import { Watcher, type WatcherDeps } from './watcher.ts';

/** While no server answers only one of all watchers knocks at a time (see `Gate`). In milliseconds. */
const AWAY_BACKOFF = { ...REGISTRY_BACKOFF, max: 5_000 };
/** The longest wait of `check` for an answer, in milliseconds. */
const CHECK = 2_000;

interface SharedWatcher {
  readonly watcher: Watcher;
  readonly listeners: Set<RegistryListener>;
}

/** Reads instances from A, AAAA and SRV records. Queries with the same path share one watcher. */
export function openDnsRegistry(name: string, options: DnsOptions, clock: Clock): Registry {
  const stats = newRegistryStats();
  const where = `registry "${name}" (dns at ${options.servers?.join(', ') ?? 'the servers of the system'})`;
  const resolver = new DnsResolver(options);
  const deps: WatcherDeps = {
    clock,
    resolver,
    gate: new Gate(AWAY_BACKOFF, clock),
    options,
    explain: (cause) => dnsError(cause, where),
  };
  const watchers = new Map<string, SharedWatcher>();
  const ending = new Set<Promise<void>>();
  let closed = false;

  function share(path: string, targets: readonly DnsTarget[]): SharedWatcher {
    const listeners = new Set<RegistryListener>();
    const everybody: RegistryListener = {
      set(answer) {
        for (const listener of [...listeners]) listener.set(answer);
      },
      error(error) {
        for (const listener of [...listeners]) listener.error(error);
      },
    };
    const lookup = new Lookup(targets, resolver, clock);
    const shared = { watcher: new Watcher(lookup, counted(everybody, stats, clock), deps), listeners };
    watchers.set(path, shared);
    return shared;
  }

  /** The last watch of a watcher takes the watcher with it. */
  function leave(path: string, shared: SharedWatcher, listener: RegistryListener): void {
    if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return;
    watchers.delete(path);
    const end = shared.watcher.close();
    ending.add(end);
    void end.finally(() => ending.delete(end));
  }

  return {
    name,
    type: 'dns',
    stats,
    watch(query: RegistryQuery, listener: RegistryListener): RegistryWatch {
      const targets = parseDnsPath(query.path);
      if (targets === null) return refuse(badPath(query), listener);
      if (closed) return { close: () => Promise.resolve() };
      const { path } = query;
      const shared = watchers.get(path) ?? share(path, targets);
      // An own object per watch: the same listener may watch twice.
      const own: RegistryListener = { set: (answer) => listener.set(answer), error: (error) => listener.error(error) };
      shared.listeners.add(own);
      queueMicrotask(() => {
        if (shared.listeners.has(own)) shared.watcher.replay(own);
      });
      return {
        async close() {
          leave(path, shared, own);
        },
      };
    },
    async check() {
      // One of its own, which can be told to give up without disturbing the watches.
      const asking = new DnsResolver(options);
      const cancel = clock.after(CHECK, () => asking.close());
      try {
        await asking.probe();
        return null;
      } catch (cause) {
        // Also "no" is an answer: a server of one zone refuses all others.
        return nobodyAnswers(cause) ? deps.explain(cause) : null;
      } finally {
        cancel();
      }
    },
    async close() {
      closed = true;
      for (const [path, shared] of [...watchers]) {
        for (const listener of [...shared.listeners]) leave(path, shared, listener);
      }
      resolver.close();
      await Promise.all(ending);
    },
  };
}

function badPath({ service, path }: RegistryQuery): OutriggerError {
  return new OutriggerError('dns_path', `service "${service}": cannot look "${path}" up`, {
    hint: `Write ${DNS_PATH}.`,
  });
}
