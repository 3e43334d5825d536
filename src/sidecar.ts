import { hostname } from 'node:os';
import { startAdminServer } from './admin/admin_server.ts';
import type { AdminView, Readiness, ServiceView } from './admin/admin_view.ts';
import type { GrpcServer, GrpcServerOptions } from './admin/grpc_server.ts';
import type { HttpServer } from './admin/http_server.ts';
import { startTelemetryServer } from './admin/telemetry_server.ts';
import type { Clock } from './base/clock.ts';
import type { OutriggerError } from './base/errors.ts';
import type { Config } from './config/config.ts';
import { redact } from './config/redact.ts';
import { planReload, type ReloadOutcome } from './config/reload.ts';
import type { CertificateFiles } from './config/tls_options.ts';
import type { CertificateStore, CertificateStoreDeps, Prepared } from './control/certificates/store.ts';
import { CounterArena } from './control/counters.ts';
import type { EarlyThread } from './control/data_thread.ts';
import { EndpointErrors } from './control/endpoint_errors.ts';
import { Explainer } from './control/explainer.ts';
import { type FedService, Feed } from './control/feed.ts';
import { FollowedServices } from './control/followed_services.ts';
import { openInbound } from './control/inbound.ts';
import { Journal } from './control/journal.ts';
import { Observation } from './control/observation.ts';
import { PolicyModules, policyModulesOf } from './control/policy_modules.ts';
import type { RegistrationStatus } from './control/registration/registered_app.ts';
import { type Registrations, startRegistrations } from './control/registration/registrations.ts';
import { Reloader, type ReloadReport, type Reread } from './control/reloader.ts';
import { assertNotTaken } from './control/taken_port.ts';
import { DataThreads } from './control/threads.ts';
import { PROTOCOL_ERROR_TOKENS } from './http2/protocol_errors.ts';
import type { FromDataThread, ToDataThread } from './model/snapshot.ts';
import { createExposition } from './observe/exposition.ts';
import type { EventLog } from './observe/log.ts';
import { DATA_THREAD } from './program.ts';

export interface SidecarOptions {
  readonly config: Config;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly version: string;
  /** Asked to end the process, by `POST /shutdown`. */
  readonly shutdown: () => void;
  /** Reads the config again, in the way that the start did; without it nothing is ever reloaded. */
  readonly reread?: () => Promise<Reread>;
  /** The module that data threads run; only tests give another. */
  readonly dataThread?: URL;
  /** The first data thread, if it was begun ahead. */
  readonly early?: EarlyThread;
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
  /** Null where the config names none. */
  readonly adminGrpc: string | null;
  readonly telemetry: string;
  services(): readonly FedService[];
  /** Whether the registry of `discover` has been heard of; null for the others, and while its first answer is awaited. */
  contact(registry: string): 'answered' | OutriggerError | null;
  /**
   * Resolves when every configured service has had an answer from its registry and the first check of the one of `discover` is
   * over, or after `ms` milliseconds.
   */
  settled(ms: number): Promise<void>;
  /** Reads the config again and takes it over, if nothing is wrong with it; `by` is for the log. Never rejects. */
  reload(by: string): Promise<ReloadReport>;
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
  const { log, clock } = options;
  let { config } = options;
  const arena = new CounterArena(config.workers);
  let registrations: Registrations | null = null;

  const feed: Feed = new Feed({
    arena,
    clock,
    broadcast: (message) => threads.broadcast(message),
    running: () => threads.running(),
    sidecar: config.app.id ?? hostname(),
  });
  const secure = config.inbound === null ? config.secureListen : [...config.secureListen, config.inbound.listen];
  if (config.workers > 1 && !config.reusePort) {
    await assertNotTaken([...config.listen, ...secure.map(({ address }) => address)]);
  }
  const threads: DataThreads = new DataThreads({
    entry: options.dataThread ?? DATA_THREAD,
    early: options.early,
    listen: config.listen,
    secure,
    reusePort: config.reusePort,
    arena,
    clock,
    log,
    state: () => ({
      routing: config.routing,
      clients: config.clients,
      discoverSettings: config.discover?.settings ?? null,
      services: feed.snapshots(),
      zone: config.app.zone,
      policyModules: policies.modules(),
      observe: observation.settings(),
      ...(certificates === null ? {} : { tls: certificates.start() }),
    }),
    event: (thread, event) => onEvent(thread, event),
    died: (thread) => {
      feed.threadDied(thread);
      errors.threadDied(thread);
    },
  });
  const errors = new EndpointErrors();
  const policies = new PolicyModules({ clock, broadcast: (message) => threads.broadcast(message) });
  policies.follow(policyModulesOf(config));
  const explainer = new Explainer({
    clock,
    running: () => threads.running(),
    send: (thread, message) => threads.send(thread, message),
  });
  const broadcast = (message: ToDataThread): void => threads.broadcast(message);
  const observation: Observation = new Observation(config, {
    clock,
    log,
    version: options.version,
    broadcast,
    send: (thread, message) => threads.send(thread, message),
  });
  const openCertificates = (files: readonly CertificateFiles[]): Promise<CertificateStore> =>
    openStore(files, { clock, log, broadcast });
  /** Null until something speaks TLS. */
  let certificates = config.certificates.length === 0 ? null : await openCertificates(config.certificates);

  const journal = new Journal(clock);
  const services = await FollowedServices.create(config, {
    clock,
    log,
    feed,
    arena,
    changed: (change) => journal.membership(change),
    health: (name, reports) => journal.health(name, reports, feed.get(name)?.instances),
    material: (id) => certificates?.material(id),
    trouble: (trouble) => journal.registry(trouble),
  });
  if (config.inbound !== null) openInbound(config.inbound, feed, clock.now());

  function onEvent(thread: number, event: FromDataThread): void {
    switch (event.kind) {
      case 'log':
        log[event.level](event.message, event.fields);
        if (event.turn !== undefined) journal.turned(event.turn);
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
      case 'requests':
        observation.received(thread, event);
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
    const answer = services.wanted(name);
    if (answer.kind === 'refused') threads.send(thread, { kind: 'service_gone', name, why: answer.why });
    // One that is new has been told to all threads.
    else feed.tell(name, (message) => threads.send(thread, message));
  }

  function* serviceViews(): Iterable<ServiceView> {
    for (const service of feed.services()) {
      const { name, settings, format, counters, versions } = service;
      // The feed hears of changes only; the membership also of answers that changed nothing.
      const { updatedAt, stale, trouble } = services.membership(name) ?? service;
      const { registry, path, balance } = settings;
      const errorOf = (address: string): string | null => errors.get(name, address);
      const instances = service.instances.values();
      const totals = { counters, versions };
      yield { name, registry, path, format, balance, updatedAt, stale, trouble, instances, errorOf, totals };
    }
  }

  let isListening = false;
  function readiness(): Readiness {
    const reasons = services.missing();
    if (!isListening) reasons.unshift('the data threads have not begun to listen');
    return { ready: reasons.length === 0, reasons };
  }

  let reloader: Reloader | null = null;
  const reload = async (by: string): Promise<ReloadReport> =>
    (await reloader?.reload(by)) ?? { result: 'unchanged', changed: [], restart: [], problems: [] };
  async function take(next: Config): Promise<ReloadOutcome> {
    const outcome = planReload(config, next);
    if (stopping !== null || outcome.config === config) return outcome;
    // First, while nothing has changed: what is wrong with a file is wrong with the config.
    const secured = await prepareCertificates(outcome.config.certificates);
    await certificates?.use(secured);
    config = outcome.config;
    policies.follow(policyModulesOf(config));
    if (outcome.changed.includes('log')) log.setLevel(config.log.level);
    if (outcome.changed.some((key) => key === 'access_log' || key === 'tracing')) observation.configure(config);
    await services.apply(config, () => {
      const discoverSettings = config.discover?.settings ?? null;
      threads.broadcast({ kind: 'routing', routing: config.routing, discoverSettings });
    });
    await certificates?.keepOnly(config.certificates);
    await registrations?.apply(config.register, config.registries);
    return outcome;
  }

  async function prepareCertificates(files: readonly CertificateFiles[]): Promise<Prepared> {
    if (files.length === 0) return [];
    certificates ??= await openCertificates([]);
    return certificates.prepare(files);
  }

  let stopping: Promise<void> | null = null;
  const servers: (HttpServer | GrpcServer)[] = [];
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      // Before anything else: who finds the app from now on finds it gone, and who found it before is still served.
      await registrations?.stop();
      await reloader?.close();
      await threads.stop(config.drainGraceMs);
      await certificates?.close();
      await observation.close();
      policies.close();
      await services.close();
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
        registries: () => Array.from(services.registries.values(), ({ name, stats }) => ({ name, ...stats })),
        restarts: () => threads.restarts(),
        certificates: () => certificates?.metrics() ?? [],
        registrations: () => registrations?.statuses() ?? [],
        observation: () => observation.counts(),
        exemplars: observation.exemplars,
        reloads: () => reloader?.counts ?? {},
      },
      { version: options.version, protocolErrorTokens: PROTOCOL_ERROR_TOKENS },
    );
    services.open();
    // The threads take longest to start: everything else starts meanwhile.
    const listening = threads.start();
    // Awaited below, unless a server fails first.
    listening.catch(() => {});
    const telemetry = await startTelemetryServer({
      listen: config.telemetry,
      reusePort: config.reusePort,
      metrics: exposition,
      readiness,
      log,
    });
    servers.push(telemetry);
    const view: AdminView = {
      counters: arena,
      services: serviceViews,
      registrations: () => registrations?.statuses() ?? [],
      now: () => clock.now(),
      journal,
      explain: (request) => explainer.ask(request),
      tap: (filter, told) => observation.tap(filter, told),
      config: () => redact(config),
    };
    const admin = await startAdminServer({
      listen: config.admin,
      reusePort: config.reusePort,
      clock,
      version: options.version,
      view,
      actions: {
        setLogLevel: (level) => log.setLevel(level),
        drain: () => threads.drain(config.drainGraceMs),
        reload: () => reload('POST /reload'),
        shutdown: options.shutdown,
      },
      log,
    });
    servers.push(admin);
    const adminGrpc = await openAdminGrpc(config, { view, readiness, clock });
    if (adminGrpc !== null) servers.push(adminGrpc);
    const listen = await listening;
    isListening = true;
    // Last: what cannot start must not have been found by anybody.
    registrations = startRegistrations(config.register, { clock, log, registries: config.registries });
    const registered = registrations;
    if (options.reread !== undefined) {
      const told = (report: ReloadReport): void => journal.reloaded(report);
      reloader = new Reloader(config.file, { clock, log, read: options.reread, apply: take, told });
    }
    const secured = threads.secure;
    return {
      listen,
      secureListen: secured.slice(0, config.secureListen.length),
      inbound: config.inbound === null ? null : (secured.at(-1) ?? null),
      admin: admin.address,
      adminGrpc: adminGrpc?.address ?? null,
      telemetry: telemetry.address,
      services: () => [...feed.services()],
      contact: (registry) => services.contact(registry),
      settled: (ms) => services.settled(ms),
      reload: (by) => reload(by),
      registrations: registered.statuses,
      deregister: registered.stop,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Null when the config names no address. */
async function openAdminGrpc(
  { adminGrpc: listen }: Config,
  deps: Omit<GrpcServerOptions, 'listen'>,
): Promise<GrpcServer | null> {
  if (listen === null) return null;
  // Brought by those who need it.
  const { startGrpcServer } = await import('./admin/grpc_server.ts');
  return startGrpcServer({ listen, ...deps });
}

/** Rejects with an OutriggerError that names the file that cannot be used. */
async function openStore(files: readonly CertificateFiles[], deps: CertificateStoreDeps): Promise<CertificateStore> {
  // Brought by those who need it.
  const { CertificateStore: store } = await import('./control/certificates/store.ts');
  return store.open(files, deps);
}
