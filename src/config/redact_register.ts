import type { HealthCheck, HealthTiming, ServiceHealthOptions } from './health_options.ts';
import type { RegisterOptions } from './register_options.ts';
import { formatDuration } from './scalars.ts';

/** An entry of `register:` under the names of the config file. */
export function registerText(options: RegisterOptions): unknown {
  const { service, registry, address, version, weight, zone, metadata, id, path, format, ttlMs, health } = options;
  return {
    service,
    registry,
    ...(address.kind === 'given' ? { address: address.address } : { port: address.port }),
    version,
    weight,
    zone,
    metadata,
    ...(id === null ? {} : { id }),
    path,
    format,
    ttl: formatDuration(ttlMs),
    health: health === null ? 'off' : { ...checkText(health.check), ...timingText(health), address: health.address },
    allow_loopback: options.allowLoopback,
  };
}

/** `health:` of a service under the names of the config file. */
export function healthText(health: ServiceHealthOptions | null): unknown {
  if (health === null) return null;
  const { check, port, secure, keep } = health;
  return {
    ...checkText(check),
    ...timingText(health),
    port,
    tls: secure,
    keep: keep === 0 ? 'off' : formatDuration(keep),
  };
}

function checkText(check: HealthCheck): Record<string, unknown> {
  switch (check.kind) {
    case 'grpc':
      return { grpc: check.service, watch: check.watch };
    case 'http':
      return { http: check.path };
    case 'tcp':
      return { tcp: true };
  }
}

function timingText({ interval, timeout, rise, fall }: HealthTiming): Record<string, unknown> {
  return { interval: formatDuration(interval), timeout: formatDuration(timeout), rise, fall };
}
