import type { ServiceSettings } from '../model/service.ts';
import type { Config, DiscoverConfig, ServiceConfig } from './config.ts';
import { healthText } from './redact_register.ts';
import { resilienceText } from './redact_resilience.ts';
import { routingText } from './redact_routing.ts';
import { upstreamTlsText } from './redact_tls.ts';
import type { StaticInstance } from './registry_options.ts';
import { formatDuration } from './scalars.ts';

/** An entry of `services:` under the names of the config file. */
export function serviceText(service: ServiceConfig, name: string, config: Config): object {
  const { instances, format, sources, settings } = service;
  return {
    ...sourcesText(service),
    ...(sources.some(({ path }) => path !== '') ? { format } : {}),
    ...settingsText(settings, config, config.needs.has(name)),
    ...(instances.length > 0 ? { instances: instances.map(instanceText) } : {}),
  };
}

/** `discover:` under the names of the config file. */
export function discoverText(config: Config): object | null {
  const { discover } = config;
  if (discover === null) return null;
  return { ...sourcesText(discover), format: discover.format, ...settingsText(discover.settings, config, false) };
}

/** The registries, the paths in them and the health check. */
function sourcesText({ sources, registryMode, health }: ServiceConfig | DiscoverConfig): object {
  const [first] = sources;
  const looked = sources.filter(({ path }) => path !== '');
  const paths = Object.fromEntries(looked.map(({ registry, path }) => [registry, path]));
  const path = sources.length === 1 ? first?.path : paths;
  return {
    registry: sources.length === 1 ? first?.registry : sources.map(({ registry }) => registry),
    registry_mode: registryMode,
    ...(looked.length === 0 ? {} : { path }),
    health: healthText(health),
  };
}

function instanceText({ address, version, weight, zone, metadata }: StaticInstance): object {
  return { address, version, weight, zone, metadata };
}

/** @param needed its version is what the app needs: that stands under `needs` */
function settingsText(settings: ServiceSettings, config: Config, needed: boolean): object {
  return {
    ...routingText(settings, needed),
    ...resilienceText(settings),
    limits: limitsText(settings.limits),
    tls: upstreamTlsText(settings.tls, config.certificates),
    protocol: settings.protocol,
  };
}

function limitsText(limits: ServiceSettings['limits']): object {
  return {
    requests: limits.requests,
    pending: limits.pending,
    pending_timeout: formatDuration(limits.pendingTimeout),
    connections_per_instance: limits.connectionsPerInstance,
    instance_concurrency: limits.instanceConcurrency,
  };
}
