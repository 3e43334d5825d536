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
import { withNeeds } from './config/resolve.ts';
import type { CertificateStore, CertificateStoreDeps } from './control/certificates/store.ts';
import { Cluster, type ClusterChange } from './control/cluster/cluster.ts';
import { isEmpty } from './control/cluster/diff.ts';
import { Discovery } from './control/cluster/discovery.ts';
import { TroubleLog } from './control/cluster/trouble_log.ts';
import { CounterArena } from './control/counters.ts';
import { EndpointErrors } from './control/endpoint_errors.ts';
import { Explainer } from './control/explainer.ts';
import { type FedService, Feed } from './control/feed.ts';
import { ServicesHealth } from './control/health/services_health.ts';
import { openInbound } from './control/inbound.ts';
import type { RegistrationStatus } from './control/registration/registered_app.ts';
import { type Registrations, startRegistrations } from './control/registration/registrations.ts';
import { FirstContact } from './control/registries/first_contact.ts';
import { openRegistries } from './control/registries/sources.ts';
import { DataThreads } from './control/threads.ts';
import { PROTOCOL_ERROR_TOKENS } from './http2/protocol_errors.ts';
import { HISTOGRAM_SLOTS, SERVICE } from './model/counters.ts';
import type { FromDataThread, ToDataThread } from './model/snapshot.ts';
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
  /** Those that speak TLS. */
  readonly secureListen: readonly string[];
  /** Where others connect; null without `inbound`. */
  readonly inbound: string | null;
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
  /** What `register:` lists, and how it stands. */
  registrations(): readonly RegistrationStatus[];
  /** Takes the app out of the registries; the first part of `stop`, for those who have something to do in between. */
  deregister(): Promise<void>;
  /** Takes the app out of the registries, stops taking requests, lets those in flight finish within the grace of the config, and closes everything. */
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
  const registries = openRegistries(config, { clock, log });
  let registrations: Registrations | null = null;

  const feed: Feed = new Feed({
    arena,
    clock,
    broadcast: (message) => threads.broadcast(message),
    running: () => threads.running(),
  });
  const secure = config.inbound === null ? config.secureListen : [...config.secureListen, config.inbound.listen];
  const threads: DataThreads = new DataThreads({
    entry: options.dataThread ?? new URL(`./dataplane/thread${extname(import.meta.url)}`, import.meta.url),
    listen: config.listen,
    secure,
    arena,
    clock,
    log,
    state: () => ({
      routing: config.routing,
      clients: config.clients,
      discoverSettings: config.discover?.settings ?? null,
      services: feed.snapshots(),
      ...(certificates === null ? {} : { tls: certificates.start() }),
    }),
    event: (thread, event) => onEvent(thread, event),
    died: (thread) => {
      feed.threadDied(thread);
      errors.threadDied(thread);
    },
  });
  const errors = new EndpointErrors();
  const explainer = new Explainer({
    clock,
    running: () => threads.running(),
    send: (thread, message) => threads.send(thread, message),
  });
  const broadcast = (message: ToDataThread): void => threads.broadcast(message);
  const certificates = await openCertificates(config, { clock, log, broadcast });

  const waiting = new Set(config.services.keys());
  let onSettled = (): void => {};
  const health = new ServicesHealth((name) => (config.services.get(name) ?? config.discover)?.health ?? null, {
    clock,
    log,
    changed(change) {
      feed.change(change);
      logChange(log, change);
    },
    health: (name, reports) => feed.setHealth(name, reports),
  });
  const changed = (change: ClusterChange): void => {
    health.change(change);
    if (!change.known) return;
    waiting.delete(change.name);
    if (isSettled()) onSettled();
  };
  const isSettled = (): boolean => waiting.size === 0 && (contact === null || contact.looked);
  const trouble = new TroubleLog(log);
  const clusters = new Map<string, Cluster>();
  for (const [name, service] of config.services) feed.add(name, service.settings, service.format);
  if (config.inbound !== null) openInbound(config.inbound, feed, startedAt);
  const discovery = openDiscovery();
  let contact: FirstContact | null = null;

  function openClusters(): void {
    for (const [name, service] of config.services) {
      const { registry, path, emptyProtection } = registries.source(service);
      const { format, instances, settings } = service;
      const query = { service: name, path, format, protocol: settings.protocol, instances };
      clusters.set(name, new Cluster({ registry, query, emptyProtection }, { clock, log, trouble, changed }));
    }
  }

  /** A registry that only `discover` uses would else first be asked when the app calls. */
  function makeContact(): FirstContact | null {
    const discover = config.discover;
    if (discover === null) return null;
    const { registry: name } = discover;
    const { registry, path } = registries.source(discover);
    return new FirstContact(registry, path, {
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
    const { registry, path, emptyProtection } = registries.source(discover);
    return new Discovery(
      { registry, path, format: discover.format, protocol: discover.settings.protocol, emptyProtection },
      { clock, log, trouble, changed, dropped, demand },
    );
  }

  function dropped(name: string): void {
    health.drop(name);
    feed.drop(name);
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
        errors.set(thread, event.service, event.address, null);
        break;
      case 'endpoint_error':
        errors.set(thread, event.service, event.address, event.error);
        break;
      case 'explained':
        explainer.answered(event.id, event.explanation);
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
      feed.add(name, { ...withNeeds(discover.settings, config.needs.get(name)), path }, discover.format);
    } else feed.tell(name, (message) => threads.send(thread, message));
  }

  function* serviceViews(): Iterable<ServiceView> {
    for (const service of feed.services()) {
      const { name, settings, format } = service;
      // The feed hears of changes only; the membership also of answers that changed nothing.
      const { updatedAt, stale } = (clusters.get(name) ?? discovery?.get(name))?.membership ?? service;
      const { registry, path, balance } = settings;
      const errorOf = (address: string): string | null => errors.get(name, address);
      yield { name, registry, path, format, balance, updatedAt, stale, instances: service.instances.values(), errorOf };
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
      // Before anything else: who finds the app from now on finds it gone, and who found it before is still served.
      await registrations?.stop();
      contact?.close();
      health.close();
      await threads.stop(config.drainGraceMs);
      await certificates?.close();
      await Promise.all([...Array.from(clusters.values(), (cluster) => cluster.close()), discovery?.close()]);
      await registries.close();
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
        registries: () => Array.from(registries.all.values(), ({ name, stats }) => ({ name, ...stats })),
        restarts: () => threads.restarts(),
        certificates: () => certificates?.metrics() ?? [],
        registrations: () => registrations?.statuses() ?? [],
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
      view: {
        counters: arena,
        services: serviceViews,
        registrations: () => registrations?.statuses() ?? [],
        now: () => clock.now(),
        explain: (request) => explainer.ask(request),
        config: () => redact(config),
      },
      actions: {
        setLogLevel: (level) => log.setLevel(level),
        drain: () => threads.drain(config.drainGraceMs),
        shutdown: options.shutdown,
      },
      log,
    });
    servers.push(admin);
    const listen = await listening;
    // Last: what cannot start must not have been found by anybody.
    registrations = startRegistrations(config.register, { clock, log, registries: config.registries });
    const registered = registrations;
    const secured = threads.secure;
    const settled = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        if (isSettled()) return resolve();
        onSettled = resolve;
        clock.after(ms, resolve);
      });
    return {
      listen,
      secureListen: secured.slice(0, config.secureListen.length),
      inbound: config.inbound === null ? null : (secured.at(-1) ?? null),
      admin: admin.address,
      telemetry: telemetry.address,
      services: () => [...feed.services()],
      contact(registry) {
        if (contact === null || contact.registry.name !== registry) return null;
        return contact.answered ? 'answered' : contact.error;
      },
      settled,
      registrations: registered.statuses,
      deregister: registered.stop,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Null when nothing speaks TLS. Rejects with an OutriggerError that names the file that cannot be used. */
async function openCertificates(config: Config, deps: CertificateStoreDeps): Promise<CertificateStore | null> {
  if (config.certificates.length === 0) return null;
  // Brought by those who need it.
  const { CertificateStore: store } = await import('./control/certificates/store.ts');
  return store.open(config.certificates, deps);
}

function whyNotWanted(name: string, outcome: 'invalid' | 'full' | 'opened' | 'known'): string {
  if (outcome === 'full')
    return `service "${name}" cannot be looked up: as many services as possible are followed already`;
  return `"${name}" cannot be looked up: it is no name for a service`;
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
