import { resolve as resolvePath } from 'node:path';
import type { Protocol, Routing, ServiceSettings } from '../model/service.ts';
import { INBOUND } from '../model/tls.ts';
import type { Config, DiscoverConfig, ServiceConfig } from './config.ts';
import { withNeeds } from './needs.ts';
import type { EtcdOptions, RegistryOptions, RegistryTls } from './registry_options.ts';
import { resolveConsul } from './resolve_consul.ts';
import { resolveDns } from './resolve_dns.ts';
import { resolveEureka } from './resolve_eureka.ts';
import { resolveServiceHealth } from './resolve_health.ts';
import { resolveKubernetes } from './resolve_kubernetes.ts';
import { resolveAccessLog, resolveTracing } from './resolve_observe.ts';
import { resolveRegister } from './resolve_register.ts';
import { resolveResilience } from './resolve_resilience.ts';
import { resolveServiceRouting } from './resolve_routing.ts';
import { resolveSources } from './resolve_sources.ts';
import {
  DISCOVER_TLS_ID,
  resolveCertificates,
  resolveInbound,
  resolveListen,
  resolveUpstreamTls,
  serviceTlsId,
} from './resolve_tls.ts';
import { resolveZookeeper } from './resolve_zookeeper.ts';
import type { ConfigInput } from './schema.ts';
import type { RegistryInput } from './schema_registries.ts';
import { type DiscoverInput, type ServiceInput, serviceSchema } from './schema_services.ts';
import type { InboundInput } from './schema_tls.ts';
import type { InboundConfig } from './tls_options.ts';

/**
 * Turns input that has passed all checks into the config that the rest of the program knows.
 * @param directory what relative paths are relative to
 */
export function resolveConfig(input: ConfigInput, file: string | null, directory: string): Config {
  const registries = new Map(
    Object.entries(input.registries).map(([name, registry]) => [name, resolveRegistry(registry, directory)]),
  );
  const only = [...registries.keys()][0] ?? '';
  const appVersion = input.app.version ?? input.register[0]?.version ?? null;
  const needs = new Map(Object.entries(appVersion === null ? {} : (input.needs[appVersion] ?? {})));
  const services = new Map(
    Object.entries(input.services).map(([name, service]) => [
      name,
      resolveService(name, service, registries, only, needs, directory),
    ]),
  );
  return {
    file,
    ...resolveListen(input.listen),
    inbound: input.inbound === null ? null : inboundOf(input.inbound),
    certificates: resolveCertificates(input, directory),
    admin: input.admin,
    telemetry: input.telemetry,
    workers: input.workers,
    reusePort: input.reuse_port,
    adminGrpc: input.admin_grpc,
    log: input.log,
    accessLog: resolveAccessLog(input.access_log, directory),
    tracing: resolveTracing(input.tracing, input.register[0]?.service),
    clients: {
      connections: input.clients.connections,
      headerTimeout: input.clients.header_timeout,
      idleTimeout: input.clients.idle_timeout,
      stallTimeout: input.clients.stall_timeout,
    },
    drainGraceMs: input.drain_grace,
    registries,
    services,
    discover: input.discover === null ? null : resolveDiscover(input.discover, registries, only, directory),
    routing: resolveRouting(input),
    app: { ...input.app, version: appVersion },
    needs,
    register: input.register.map((entry) => resolveRegister(entry, registries, only)),
    stateDir: input.state_dir === null ? null : resolvePath(directory, input.state_dir),
  };
}

function resolveRegistry(input: RegistryInput, directory: string): RegistryOptions {
  if (input.type === 'static') return { type: 'static' };
  const emptyProtection = input.empty_protection === 'off' ? undefined : input.empty_protection;
  if (input.type === 'file') return { type: 'file', path: resolvePath(directory, input.path), emptyProtection };
  if (input.type === 'dns') return resolveDns(input, emptyProtection);
  if (input.type === 'zookeeper') return resolveZookeeper(input, emptyProtection);
  if (input.type === 'eureka') return resolveEureka(input, directory, emptyProtection);
  if (input.type === 'kubernetes') return resolveKubernetes(input, directory, emptyProtection);
  if (input.type === 'consul') return resolveConsul(input, directory, emptyProtection);
  const users = input.endpoints.map((endpoint) => new URL(endpoint)).filter((url) => url.username !== '');
  const user = users[0];
  const options: EtcdOptions = {
    type: 'etcd',
    endpoints: input.endpoints.map(withoutUser),
    username: user ? decodeURIComponent(user.username) : input.username || undefined,
    password: user ? decodeURIComponent(user.password) : input.password || undefined,
    emptyProtection,
  };
  return input.tls === undefined ? options : { ...options, tls: resolveTls(input.tls, directory) };
}

/** `http://user:password@host/` as `http://host:80`: without the user, and with the port that the URL implies. */
function withoutUser(endpoint: string): string {
  const url = new URL(endpoint);
  return `${url.protocol}//${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`;
}

function resolveTls(tls: RegistryTls, directory: string): RegistryTls {
  const inside = (path: string | undefined) => (path === undefined ? undefined : resolvePath(directory, path));
  return { ca: inside(tls.ca), cert: inside(tls.cert), key: inside(tls.key) };
}

function resolveService(
  name: string,
  input: ServiceInput,
  registries: ReadonlyMap<string, RegistryOptions>,
  only: string,
  needs: ReadonlyMap<string, string>,
  directory: string,
): ServiceConfig {
  const where = resolveSources(input, name, registries, only);
  return {
    settings: withNeeds(settingsOf(input, where.registry, where.path, serviceTlsId(name), directory), needs.get(name)),
    ...where,
    registryMode: input.registry_mode,
    health: resolveServiceHealth(input.health, input.tls !== null),
    format: input.format,
    instances: input.instances ?? [],
  };
}

function resolveDiscover(
  input: DiscoverInput,
  registries: ReadonlyMap<string, RegistryOptions>,
  only: string,
  directory: string,
): DiscoverConfig {
  const where = resolveSources(input, '{service}', registries, only);
  return {
    ...where,
    registryMode: input.registry_mode,
    health: resolveServiceHealth(input.health, input.tls !== null),
    format: input.format,
    settings: settingsOf(input, where.registry, where.path, DISCOVER_TLS_ID, directory),
  };
}

/** The service of `inbound`: one instance, the app, with all that services have by default. Versions are the caller's affair. */
function inboundOf(input: InboundInput): InboundConfig {
  const defaults = serviceSchema.parse({ version: { fallback: 'any' } });
  const settings = settingsOf(defaults, INBOUND, '', '', '/');
  return { listen: resolveInbound(input), forward: input.forward, settings };
}

/** One connection carries many requests with HTTP/2, and one at a time with HTTP/1.1. */
const CONNECTIONS_PER_INSTANCE: Readonly<Record<Protocol, number>> = { h2: 8, 'http/1.1': 256 };

function settingsOf(
  input: ServiceInput | DiscoverInput,
  registry: string,
  path: string,
  tlsId: string,
  directory: string,
): ServiceSettings {
  const { limits } = input;
  return {
    protocol: input.protocol,
    ...resolveServiceRouting(input),
    ...resolveResilience(input, directory),
    limits: {
      requests: limits.requests,
      pending: limits.pending,
      pendingTimeout: limits.pending_timeout,
      connectionsPerInstance: limits.connections_per_instance ?? CONNECTIONS_PER_INSTANCE[input.protocol],
      instanceConcurrency: limits.instance_concurrency,
    },
    tls: resolveUpstreamTls(input.tls, tlsId),
    registry,
    path,
  };
}

function resolveRouting(input: ConfigInput): Routing {
  return { routes: input.routes, discover: input.discover !== null, defaultService: input.default_service };
}
