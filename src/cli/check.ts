import type { Config, ServiceConfig } from '../config/config.ts';
import { type ConfigRequest, readConfig } from '../config/read.ts';
import type { RegistryOptions } from '../config/registry_options.ts';
import { type Output, problemsText } from './check_print.ts';

/** The `check` command: prints every problem of the config, or what it means. Resolves with the exit code: 0, or 2 for problems. */
export async function runCheck(request: ConfigRequest, output: Output): Promise<number> {
  const result = await readConfig(request);
  if (result.kind === 'problems') {
    output.err(problemsText(result.problems, output.color));
    return 2;
  }
  output.out(summary(result.config));
  return 0;
}

function summary(config: Config): string {
  const rows: [string, string][] = [
    ['listen', config.listen.join(', ')],
    ['admin', config.admin],
    ['telemetry', config.telemetry],
    ['workers', String(config.workers)],
  ];
  for (const [name, registry] of config.registries) rows.push(['registry', `${name}: ${registryText(registry)}`]);
  for (const [name, service] of config.services) rows.push(['service', `${name}: ${serviceText(service)}`]);
  if (config.discover) {
    const { path, registry, settings } = config.discover;
    rows.push(['discover', `any other name at ${path} of ${registry}, ${settings.balance}`]);
  }
  for (const { path, host, service } of config.routing.routes)
    rows.push(['route', `${host ?? ''}${path} -> ${service}`]);
  if (config.routing.defaultService !== null) rows.push(['default', config.routing.defaultService]);
  const width = Math.max(...rows.map(([label]) => label.length));
  const lines = rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`);
  return `${config.file ?? 'flags'}: fine\n${lines.join('\n')}\n`;
}

function registryText(registry: RegistryOptions): string {
  switch (registry.type) {
    case 'etcd':
      return `etcd ${registry.endpoints.join(', ')}`;
    case 'file':
      return `file ${registry.path}`;
    case 'static':
      return 'static';
  }
}

function serviceText(service: ServiceConfig): string {
  const { instances, registry, path, settings } = service;
  const where = instances.length > 0 ? instances.map(({ address }) => address).join(', ') : `${path} of ${registry}`;
  return `${where}, ${settings.balance}`;
}
