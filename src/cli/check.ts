import type { Config, ServiceConfig } from '../config/config.ts';
import { originText, type Problem } from '../config/problem.ts';
import { type ConfigRequest, readConfig } from '../config/read.ts';
import type { RegistryOptions } from '../config/registry_options.ts';
import { Checklist } from './check/checklist.ts';
import { type Output, problemsText } from './check_print.ts';

export interface CheckOptions {
  /** Also ask the registries, and connect to every instance. */
  readonly dial: boolean;
  /** For programs instead of people. */
  readonly json: boolean;
}

/**
 * The `check` command: prints every problem of the config and of what it names (certificates, policies), or what it means; with `dial` also
 * how it goes with the registries and with connecting to every instance. Resolves with the exit code: 0; 2 for problems of the config; 1 when
 * something else is not as it should be.
 */
export async function runCheck(
  request: ConfigRequest,
  output: Output,
  { dial, json }: CheckOptions = { dial: false, json: false },
): Promise<number> {
  const list = new Checklist(output, json);
  const result = await readConfig(request);
  if (result.kind === 'problems') return refuse(result.problems, output, json);
  const { config } = result;
  list.add({ what: 'config', of: '', ok: true, text: config.file ?? 'flags' });
  if (config.certificates.length > 0) {
    const { certificateProblems } = await import('./check_certificates.ts');
    const problems = await certificateProblems(config, Date.now());
    if (problems.length > 0) return refuse(problems, output, json);
    list.add({ what: 'certificates', of: '', ok: true, text: `${config.certificates.length} sets of files` });
  }
  const { policyProblems } = await import('./check_policies.ts');
  const faults = await policyProblems(config);
  if (faults.length > 0) return refuse(faults, output, json);
  if (!json) output.out(summary(config));
  if (dial) {
    const { dialAll } = await import('./check_dial.ts');
    await dialAll(config, list);
  }
  if (dial || json) list.end();
  else output.out('Registries and instances were not asked: outrigger check --dial does that.\n');
  return list.failed === 0 ? 0 : 1;
}

/** Problems of the config, each with its place. */
function refuse(problems: readonly Problem[], output: Output, json: boolean): number {
  if (!json) output.err(problemsText(problems, output.color));
  else {
    const checks = problems.map(({ at, key, message, hint }) => {
      const of = [originText(at), key].filter((text) => text !== '').join(': ');
      return { what: 'config', of, ok: false, text: message, details: [], hint };
    });
    output.out(`${JSON.stringify({ ok: false, checks }, null, 2)}\n`);
  }
  return 2;
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
  return `${lines.join('\n')}\n`;
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
