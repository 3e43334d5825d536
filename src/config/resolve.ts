import { resolve as resolvePath } from 'node:path';
import type { Routing, ServiceSettings } from '../model/service.ts';
import type { Config, DiscoverConfig, ServiceConfig } from './config.ts';
import type { EtcdOptions, RegistryOptions, RegistryTls } from './registry_options.ts';
import type { ConfigInput } from './schema.ts';
import type { RegistryInput } from './schema_registries.ts';
import type { DiscoverInput, ServiceInput } from './schema_services.ts';

/**
 * Turns input that has passed all checks into the config that the rest of the program knows.
 * @param directory what relative paths are relative to
 */
export function resolveConfig(input: ConfigInput, file: string | null, directory: string): Config {
  const registries = new Map(
    Object.entries(input.registries).map(([name, registry]) => [name, resolveRegistry(registry, directory)]),
  );
  const only = [...registries.keys()][0] ?? '';
  const services = new Map(
    Object.entries(input.services).map(([name, service]) => {
      const registry = service.registry ?? only;
      return [name, resolveService(name, service, registry, registries.get(registry)?.type === 'static')];
    }),
  );
  return {
    file,
    listen: typeof input.listen === 'string' ? [input.listen] : input.listen,
    admin: input.admin,
    telemetry: input.telemetry,
    workers: input.workers,
    log: input.log,
    drainGraceMs: input.drain_grace,
    registries,
    services,
    discover: input.discover === null ? null : resolveDiscover(input.discover, input.discover.registry ?? only),
    routing: resolveRouting(input),
  };
}

function resolveRegistry(input: RegistryInput, directory: string): RegistryOptions {
  if (input.type === 'static') return { type: 'static' };
  const emptyProtection = input.empty_protection === 'off' ? undefined : input.empty_protection;
  if (input.type === 'file') return { type: 'file', path: resolvePath(directory, input.path), emptyProtection };
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

function resolveService(name: string, input: ServiceInput, registry: string, isStatic: boolean): ServiceConfig {
  const path = isStatic ? '' : (input.path ?? `/services/${name}/`);
  return {
    settings: settingsOf(input, registry, path),
    registry,
    path,
    format: input.format,
    instances: input.instances ?? [],
  };
}

function resolveDiscover(input: DiscoverInput, registry: string): DiscoverConfig {
  const { path, format } = input;
  return { registry, path, format, settings: settingsOf(input, registry, path) };
}

function settingsOf(input: ServiceInput | DiscoverInput, registry: string, path: string): ServiceSettings {
  const { balance, version, timeout, limits } = input;
  return {
    balance,
    version: { ...version, header: version.header.toLowerCase() },
    limits: {
      requests: limits.requests,
      pending: limits.pending,
      connectionsPerInstance: limits.connections_per_instance,
    },
    timeout,
    registry,
    path,
  };
}

function resolveRouting(input: ConfigInput): Routing {
  return { routes: input.routes, discover: input.discover !== null, defaultService: input.default_service };
}
