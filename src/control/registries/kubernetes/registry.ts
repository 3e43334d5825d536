import { REGISTRY_BACKOFF } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import { OutriggerError } from '../../../base/errors.ts';
import type { KubernetesOptions } from '../../../config/kubernetes_options.ts';
import { KUBERNETES_PATH, type KubernetesTarget, parseKubernetesPath } from '../../../config/kubernetes_path.ts';
import { Gate } from '../gate.ts';
import { refuse } from '../refused.ts';
import type { Registry, RegistryListener, RegistryQuery, RegistryWatch } from '../registry.ts';
import { counted, newRegistryStats } from '../stats.ts';
import { findAccess, findNamespace, POD, type Surroundings, shownAddress } from './access.ts';
import { KubernetesClient } from './client.ts';
import { kubernetesError } from './errors.ts';
import { Feed, type FeedDeps } from './feed.ts';
import { listAll } from './list_all.ts';
import { readSlice } from './slice.ts';
import { KUBERNETES_TIMING, type KubernetesTiming } from './timing.ts';
import { View } from './view.ts';

/** While the API server is away only one of all feeds knocks at a time (see `Gate`). In milliseconds. */
const AWAY_BACKOFF = { ...REGISTRY_BACKOFF, max: 5_000 };

interface SharedFeed {
  readonly feed: Feed;
  readonly views: Set<View>;
}

interface SharedView {
  readonly view: View;
  readonly listeners: Set<RegistryListener>;
}

/**
 * Reads instances from the EndpointSlices of a Kubernetes cluster. Needs `get`, `list` and `watch` of endpointslices and nothing
 * else. There is one watch per namespace, whatever the number of services.
 */
export function openKubernetesRegistry(
  name: string,
  options: KubernetesOptions,
  clock: Clock,
  timing: KubernetesTiming = KUBERNETES_TIMING,
  around: Surroundings = POD,
): Registry {
  const stats = newRegistryStats();
  const where = `registry "${name}" (kubernetes at ${shownAddress(options, around)})`;
  const explain = (cause: unknown, doing: string): OutriggerError => kubernetesError(cause, where, doing);
  const access = () => findAccess(options, around);
  const deps: FeedDeps = {
    client: new KubernetesClient(access, timing.request, clock),
    clock,
    timing,
    gate: new Gate(AWAY_BACKOFF, clock),
    versionLabel: options.versionLabel,
    explain,
  };
  const feeds = new Map<string, SharedFeed>();
  const views = new Map<string, SharedView>();
  const ending = new Set<Promise<void>>();
  const closing = new AbortController();
  let own: Promise<string> | null = null;
  /** The namespace of paths that name none. */
  const ownNamespace = (): Promise<string> => {
    own ??= findNamespace(options, around);
    return own;
  };

  function feedOf(namespace: string): SharedFeed {
    const known = feeds.get(namespace);
    if (known !== undefined) return known;
    const sharing = new Set<View>();
    // Counted here and not by view: a watch that breaks is one failure, however many services it serves.
    const failures = counted({ set() {}, error() {} }, stats, clock);
    const events = {
      changed(services: ReadonlySet<string> | null): void {
        for (const view of [...sharing]) view.changed(feed, services);
      },
      failed(error: OutriggerError): void {
        failures.error(error);
        for (const view of [...sharing]) view.failed(error);
      },
    };
    const feed: Feed = new Feed(namespace, events, deps);
    const shared = { feed, views: sharing };
    feeds.set(namespace, shared);
    return shared;
  }

  function share(path: string, targets: readonly KubernetesTarget[]): SharedView {
    const listeners = new Set<RegistryListener>();
    const sets = counted(
      {
        set(answer) {
          for (const listener of [...listeners]) listener.set(answer);
        },
        error() {},
      },
      stats,
      clock,
    );
    const view = new View({
      set: (answer) => sets.set(answer),
      error(error) {
        for (const listener of [...listeners]) listener.error(error);
      },
    });
    const shared = { view, listeners };
    views.set(path, shared);
    void ownNamespace().then((namespace) => {
      if (views.get(path) !== shared) return;
      const parts = targets.map((target) => ({ target, shared: feedOf(target.namespace ?? namespace) }));
      for (const part of parts) part.shared.views.add(view);
      view.start(parts.map((part) => ({ target: part.target, feed: part.shared.feed })));
    });
    return shared;
  }

  /** The last watch of a view takes the view with it, and the last view of a feed the feed. */
  function leave(path: string, shared: SharedView, listener: RegistryListener): void {
    if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return;
    views.delete(path);
    for (const { feed } of shared.view.parts) {
      const sharing = feeds.get(feed.namespace)?.views;
      if (!sharing?.delete(shared.view) || sharing.size > 0) continue;
      feeds.delete(feed.namespace);
      const end = feed.close();
      ending.add(end);
      void end.finally(() => ending.delete(end));
    }
  }

  return {
    name,
    type: 'kubernetes',
    stats,
    watch(query: RegistryQuery, listener: RegistryListener): RegistryWatch {
      const targets = parseKubernetesPath(query.path);
      if (targets === null) return refuse(badPath(query), listener);
      if (closing.signal.aborted) return { close: () => Promise.resolve() };
      const { path } = query;
      const shared = views.get(path) ?? share(path, targets);
      // An own object per watch: the same listener may watch twice.
      const mine: RegistryListener = { set: (answer) => listener.set(answer), error: (error) => listener.error(error) };
      shared.listeners.add(mine);
      queueMicrotask(() => {
        if (shared.listeners.has(mine)) shared.view.replay(mine);
      });
      return {
        async close() {
          leave(path, shared, mine);
        },
      };
    },
    async check(path) {
      const client = new KubernetesClient(access, timing.check, clock);
      // A path up to its `{service}`: the namespace may be all that it says.
      const namespace = /^([a-z0-9-]+)\//.exec(path)?.[1] ?? parseKubernetesPath(path)?.[0]?.namespace;
      const asked = namespace ?? (await ownNamespace());
      try {
        await client.list(asked, null, closing.signal, 1);
        return null;
      } catch (cause) {
        return explain(cause, `listing endpointslices of ${asked}`);
      }
    },
    async names() {
      const namespace = await ownNamespace();
      try {
        const { items } = await listAll(deps.client, namespace, closing.signal);
        const slices = items.map((item) => readSlice(item, options.versionLabel)).filter((slice) => slice !== null);
        return [...new Set(slices.map(({ service }) => service))].sort();
      } catch (cause) {
        throw explain(cause, `listing endpointslices of ${namespace}`);
      }
    },
    async close() {
      closing.abort();
      for (const [path, shared] of [...views]) {
        for (const listener of [...shared.listeners]) leave(path, shared, listener);
      }
      await Promise.all(ending);
    },
  };
}

function badPath({ service, path }: RegistryQuery): OutriggerError {
  return new OutriggerError('kubernetes_path', `service "${service}": cannot look "${path}" up`, {
    hint: `Write ${KUBERNETES_PATH}.`,
  });
}
