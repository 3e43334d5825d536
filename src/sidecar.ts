import { extname } from 'node:path';
import { startAdminServer } from './admin/admin_server.ts';
import type { Readiness, ServiceView } from './admin/admin_view.ts';
import type { HttpServer } from './admin/http_server.ts';
import { startTelemetryServer } from './admin/telemetry_server.ts';
import type { Clock } from './base/clock.ts';
import type { OutriggerError } from './base/errors.ts';
import type { Log } from './base/log.ts';
import type { Config } from './config/config.ts';
import { redact } from './config/redact.ts';
import { Cluster, type ClusterChange } from './control/cluster/cluster.ts';
import { isEmpty } from './control/cluster/diff.ts';
import { Discovery } from './control/cluster/discovery.ts';
import { TroubleLog } from './control/cluster/trouble_log.ts';
import { CounterArena } from './control/counters.ts';
import { type FedService, Feed } from './control/feed.ts';
import { FirstContact } from './control/registries/first_contact.ts';
import { openRegistry } from './control/registries/open.ts';
import type { Registry } from './control/registries/registry.ts';
import { DataThreads } from './control/threads.ts';
import { PROTOCOL_ERROR_TOKENS } from './http2/protocol_errors.ts';
import { HISTOGRAM_SLOTS, SERVICE } from './model/counters.ts';
import type { FromDataThread } from './model/snapshot.ts';
import { createExposition } from './observe/exposition.ts';
import type { EventLog } from './observe/log.ts';

/** Ready after this long even if a registry has not answered: a sidecar must never keep its app from starting for that. */
const READY_AFTER = 10_000;

export interface SidecarOptions {
  readonly config: Config;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly version: string;
  /** Asked to end the process, by `POST /shutdown`. */
  readonly shutdown: () => void;
  /** The module that data threads run; only tests give another. */
  readonly dataThread?: URL;
}

/** A running sidecar. */
export interface Sidecar {
  /** The addresses in use, with the ports that the system chose. */
  readonly listen: readonly string[];
  readonly admin: string;
  readonly telemetry: string;
  services(): readonly FedService[];
  /** Whether the registry of `discover` has been heard of; null for the others, and while its first answer is awaited. */
  contact(registry: string): 'answered' | OutriggerError | null;
  /**
   * Resolves when every configured service has had an answer from its registry and the first check of the one of `discover` is
   * over, or after `ms` milliseconds.
   */
  settled(ms: number): Promise<void>;
  /** Stops taking requests, lets those in flight finish within the grace of the config, and closes everything. */
  stop(): Promise<void>;
}

/**
 * Puts the two planes together and starts them: registries and memberships, the feed to the data threads, the threads, and the
 * servers that show it all. Rejects with an OutriggerError when an address cannot be listened on; nothing is left running then.
 */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { config, log, clock } = options;
  const startedAt = clock.now();
  const arena = new CounterArena(config.workers);
  const registries = new Map<string, Registry>();
  for (const [name, registry] of config.registries) registries.set(name, openRegistry(name, registry, { clock }));

  const feed: Feed = new Feed({
    arena,
    clock,
    broadcast: (message) => threads.broadcast(message),
    running: () => threads.running(),
  });
  const threads: DataThreads = new DataThreads({
    entry: options.dataThread ?? new URL(`./dataplane/thread${extname(import.meta.url)}`, import.meta.url),
    listen: config.listen,
    arena,
    clock,
    log,
    state: () => ({
      routing: config.routing,
      discoverSettings: config.discover?.settings ?? null,
      services: feed.snapshots(),
    }),
    event: (thread, event) => onEvent(thread, event),
    died: (thread) => feed.threadDied(thread),
  });

  const waiting = new Set(config.services.keys());
  let onSettled = (): void => {};
  const changed = (change: ClusterChange): void => {
    feed.change(change);
    logChange(log, change);
    if (!change.known) return;
    waiting.delete(change.name);
    if (isSettled()) onSettled();
  };
  const isSettled = (): boolean => waiting.size === 0 && (contact === null || contact.looked);
  const trouble = new TroubleLog(log);
  const clusters = new Map<string, Cluster>();
  for (const [name, service] of config.services) feed.add(name, service.settings, service.format);
  const discovery = openDiscovery();
  let contact: FirstContact | null = null;

  function openClusters(): void {
    for (const [name, { registry, path, format, instances }] of config.services) {
      const query = { service: name, path, format, instances };
      const source = registries.get(registry) as Registry;
      const emptyProtection = emptyProtectionOf(config, registry);
      clusters.set(name, new Cluster({ registry: source, query, emptyProtection }, { clock, log, trouble, changed }));
    }
  }

  /** A registry that only `discover` uses would else first be asked when the app calls. */
  function makeContact(): FirstContact | null {
    const discover = config.discover;
    if (discover === null) return null;
    const { registry: name, path } = discover;
    return new FirstContact(registries.get(name) as Registry, path, {
      clock,
      patience: READY_AFTER,
      looked() {
        if (isSettled()) onSettled();
      },
      began: (error) => trouble.begins(name, error, {}),
      ended: (error, cured) => trouble.ends(name, error, {}, cured),
    });
  }

  function openDiscovery(): Discovery | null {
    const discover = config.discover;
    if (discover === null) return null;
    const { registry, path, format } = discover;
    const source = registries.get(registry) as Registry;
    return new Discovery(
      { registry: source, path, format, emptyProtection: emptyProtectionOf(config, registry) },
      { clock, log, trouble, changed, dropped: (name) => feed.drop(name), demand },
    );
  }

  function demand(name: string): { requests: number; inFlight: number } {
    const service = feed.get(name);
    if (service === undefined) return { requests: 0, inFlight: 0 };
    let requests = 0;
    for (let bucket = 0; bucket < HISTOGRAM_SLOTS - 1; bucket++) {
      requests += arena.sum(service.counters, SERVICE.DURATION + bucket);
    }
    return { requests, inFlight: arena.sum(service.counters, SERVICE.IN_FLIGHT) };
  }

  function onEvent(thread: number, event: FromDataThread): void {
    switch (event.kind) {
      case 'log':
        log[event.level](event.message, event.fields);
        break;
      case 'endpoint_gone':
        feed.released(thread, event.counters);
        break;
      case 'wanted':
        onWanted(thread, event.service);
        break;
      case 'listening':
      case 'listen_failed':
      case 'drained':
        break; // Dealt with where the threads are started and stopped.
    }
  }

  function onWanted(thread: number, name: string): void {
    const discover = config.discover;
    const outcome = discovery?.wanted(name) ?? 'invalid';
    if (discover === null || outcome === 'invalid' || outcome === 'full') {
      threads.send(thread, { kind: 'service_gone', name, why: whyNotWanted(name, outcome) });
    } else if (outcome === 'opened') {
      const path = discover.path.replaceAll('{service}', () => name);
      feed.add(name, { ...discover.settings, path }, discover.format);
    } else feed.tell(name, (message) => threads.send(thread, message));
  }

  function* serviceViews(): Iterable<ServiceView> {
    for (const service of feed.services()) {
      const { name, settings, format } = service;
      // The feed hears of changes only; the membership also of answers that changed nothing.
      const { updatedAt, stale } = (clusters.get(name) ?? discovery?.get(name))?.membership ?? service;
      const { registry, path, balance } = settings;
      yield { name, registry, path, format, balance, updatedAt, stale, instances: service.instances.values() };
    }
  }

  function readiness(): Readiness {
    const silent = contact === null || contact.answered ? null : contact.registry.name;
    const over = clock.now() - startedAt > READY_AFTER;
    if (over || (waiting.size === 0 && silent === null)) return { ready: true, reasons: [] };
    const reasons = Array.from(waiting, (name) => {
      const registry = config.services.get(name)?.registry ?? '';
      return `service "${name}": registry "${registry}" has not answered yet`;
    });
    if (silent !== null) reasons.push(`discover: registry "${silent}" has not answered yet`);
    return { ready: false, reasons };
  }

  let stopping: Promise<void> | null = null;
  const servers: HttpServer[] = [];
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      contact?.close();
      await threads.stop(config.drainGraceMs);
      await Promise.all([...Array.from(clusters.values(), (cluster) => cluster.close()), discovery?.close()]);
      await Promise.all(Array.from(registries.values(), (registry) => registry.close()));
      await Promise.all(servers.map((server) => server.close()));
    })();
    return stopping;
  };

  try {
    const exposition = createExposition(
      {
        counters: arena,
        services: () =>
          Array.from(feed.services(), (service) => ({ ...service, instances: service.instances.values() })),
        registries: () => Array.from(registries.values(), ({ name, stats }) => ({ name, ...stats })),
        restarts: () => threads.restarts(),
      },
      { version: options.version, protocolErrorTokens: PROTOCOL_ERROR_TOKENS },
    );
    openClusters();
    contact = makeContact();
    // The threads take longest to start: everything else starts meanwhile.
    const listening = threads.start();
    // Awaited below, unless a server fails first.
    listening.catch(() => {});
    const telemetry = await startTelemetryServer({ listen: config.telemetry, metrics: exposition, readiness, log });
    servers.push(telemetry);
    const admin = await startAdminServer({
      listen: config.admin,
      view: { counters: arena, services: serviceViews, now: () => clock.now(), config: () => redact(config) },
      actions: {
        setLogLevel: (level) => log.setLevel(level),
        drain: () => threads.drain(config.drainGraceMs),
        shutdown: options.shutdown,
      },
      log,
    });
    servers.push(admin);
    const listen = await listening;
    const settled = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        if (isSettled()) return resolve();
        onSettled = resolve;
        clock.after(ms, resolve);
      });
    return {
      listen,
      admin: admin.address,
      telemetry: telemetry.address,
      services: () => [...feed.services()],
      contact(registry) {
        if (contact === null || contact.registry.name !== registry) return null;
        return contact.answered ? 'answered' : contact.error;
      },
      settled,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function whyNotWanted(name: string, outcome: 'invalid' | 'full' | 'opened' | 'known'): string {
  if (outcome === 'full')
    return `service "${name}" cannot be looked up: as many services as possible are followed already`;
  return `"${name}" cannot be looked up: it is no name for a service`;
}

function emptyProtectionOf(config: Config, registry: string): number {
  const options = config.registries.get(registry);
  return options !== undefined && 'emptyProtection' in options ? (options.emptyProtection ?? 0) : 0;
}

function logChange(log: Log, { name, diff, instances }: ClusterChange): void {
  if (isEmpty(diff)) return;
  const addresses = (list: readonly { address: string }[]): string | undefined =>
    list.length === 0
      ? undefined
      : list
          .slice(0, 5)
          .map(({ address }) => address)
          .join(' ') + (list.length > 5 ? ` and ${list.length - 5} more` : '');
  const now = instances.length === 1 ? '1 instance' : `${instances.length} instances`;
  log.info(`Service "${name}" has ${now} now.`, {
    service: name,
    joined: addresses(diff.added),
    changed: addresses(diff.changed),
    left: addresses(diff.removed),
    instances: instances.length,
  });
}
