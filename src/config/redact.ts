import type { ServiceSettings } from '../model/service.ts';
import type { Config, ServiceConfig } from './config.ts';
import type { RegistryOptions, StaticInstance } from './registry_options.ts';
import { formatDuration } from './scalars.ts';

/** What stands in the place of a secret. */
const REDACTED = '***';

/**
 * The config as it is in force, under the names of the config file and with every default, ready for JSON. Secrets are
 * replaced: only what is listed here is shown, so a new secret cannot slip through.
 */
export function redact(config: Config): Readonly<Record<string, unknown>> {
  const { discover } = config;
  return {
    file: config.file,
    listen: config.listen,
    admin: config.admin,
    telemetry: config.telemetry,
    workers: config.workers,
    log: config.log,
    drain_grace: formatDuration(config.drainGraceMs),
    registries: mapValues(config.registries, registryText),
    services: mapValues(config.services, serviceText),
    discover: discover && { ...tuningText(discover.settings), path: discover.path, format: discover.format },
    default_service: config.routing.defaultService,
    routes: config.routing.routes,
  };
}

function mapValues<T>(map: ReadonlyMap<string, T>, text: (value: T) => unknown): Record<string, unknown> {
  return Object.fromEntries([...map].map(([name, value]) => [name, text(value)]));
}

function registryText(options: RegistryOptions): unknown {
  if (options.type === 'static') return { type: options.type };
  const protection = options.emptyProtection ? formatDuration(options.emptyProtection) : 'off';
  if (options.type === 'file') return { type: options.type, path: options.path, empty_protection: protection };
  return {
    type: options.type,
    endpoints: options.endpoints,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: REDACTED }),
    ...(options.tls === undefined ? {} : { tls: { ca: options.tls.ca, cert: options.tls.cert, key: options.tls.key } }),
    empty_protection: protection,
  };
}

function serviceText(service: ServiceConfig): unknown {
  const { instances, path, format } = service;
  const where = instances.length > 0 ? { instances: instances.map(instanceText) } : { path, format };
  return { ...tuningText(service.settings), ...where };
}

function instanceText(instance: StaticInstance): unknown {
  const { address, version, weight, zone } = instance;
  return { address, version, weight, zone };
}

function tuningText(settings: ServiceSettings): Record<string, unknown> {
  const { registry, balance, version, timeout, limits } = settings;
  return {
    registry,
    balance,
    version,
    timeout: timeout === null ? null : formatDuration(timeout),
    limits: {
      requests: limits.requests,
      pending: limits.pending,
      connections_per_instance: limits.connectionsPerInstance,
    },
    protocol: 'h2',
  };
}
