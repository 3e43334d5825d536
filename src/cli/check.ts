import type { Config, ServiceConfig } from '../config/config.ts';
import { type ConfigRequest, readConfig } from '../config/read.ts';
import type { RegistryOptions } from '../config/registry_options.ts';
import { type Output, problemsText } from './check_print.ts';

/**
 * The `check` command: prints every problem of the config and of the certificates that it names, or what it means; with `dial` also how
 * connecting to every instance goes. Resolves with the exit code: 0, 2 for problems, 1 when an instance cannot be connected to.
 */
export async function runCheck(request: ConfigRequest, output: Output, dial = false): Promise<number> {
  const result = await readConfig(request);
  if (result.kind === 'problems') {
    output.err(problemsText(result.problems, output.color));
    return 2;
  }
  const { config } = result;
  if (config.certificates.length > 0) {
    const { certificateProblems } = await import('./check_certificates.ts');
    const problems = await certificateProblems(config, Date.now());
    if (problems.length > 0) {
      output.err(problemsText(problems, output.color));
      return 2;
    }
  }
  const { policyProblems } = await import('./check_policies.ts');
  const faults = await policyProblems(config);
  if (faults.length > 0) {
    output.err(problemsText(faults, output.color));
    return 2;
  }
  output.out(summary(config));
  if (!dial) return 0;
  const { dialAll } = await import('./check_dial.ts');
  return (await dialAll(config, output)) === 0 ? 0 : 1;
}

function summary(config: Config): string {
  const rows: [string, string][] = [
    ['listen', [...config.listen, ...config.secureListen.map(({ address }) => `${address} (TLS)`)].join(', ')],
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
  if (config.inbound !== null)
    rows.push(['inbound', `${config.inbound.listen.address} (TLS) for ${config.inbound.forward}`]);
  for (const { path, host, service } of config.routing.routes)
    rows.push(['route', `${host ?? ''}${path} -> ${service}`]);
  if (config.routing.defaultService !== null) rows.push(['default', config.routing.defaultService]);
  const width = Math.max(...rows.map(([label]) => label.length));
  const lines = rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`);
  return `${config.file ?? 'flags'}: fine\n${lines.join('\n')}\n`;
}

function registryText(registry: RegistryOptions): string {
  switch (registry.type) {
    case 'consul':
      return `consul ${registry.address}`;
    case 'etcd':
      return `etcd ${registry.endpoints.join(', ')}`;
    case 'file':
      return `file ${registry.path}`;
    case 'dns':
      return `dns ${registry.servers?.join(', ') ?? 'of the system'}`;
    case 'kubernetes':
      return `kubernetes ${registry.address ?? 'that this runs in'}`;
    case 'zookeeper':
      return `zookeeper ${registry.servers.join(', ')}${registry.chroot ?? ''}`;
    case 'eureka':
      return `eureka ${registry.urls.join(', ')}`;
    case 'static':
      return 'static';
  }
}

function serviceText(service: ServiceConfig): string {
  const { instances, registry, path, settings } = service;
  const where = instances.length > 0 ? instances.map(({ address }) => address).join(', ') : `${path} of ${registry}`;
  return `${where}, ${settings.balance}${settings.tls ? ', TLS' : ''}`;
}
