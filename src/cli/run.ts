import { systemClock } from '../base/clock.ts';
import { describeError, OutriggerError } from '../base/errors.ts';
import { releaseMemory } from '../base/release_memory.ts';
import type { Config } from '../config/config.ts';
import { type ConfigRequest, readConfig } from '../config/read.ts';

import type { RegistryOptions } from '../config/registry_options.ts';
import type { EarlyThread } from '../control/data_thread.ts';
import { createLog } from '../observe/log.ts';
import { type Sidecar, startSidecar } from '../sidecar.ts';
import { type Output, problemsText } from './check_print.ts';
import type { WrappedApp } from './wrapped_app.ts';

/** How long the start-up print waits for the registries, in milliseconds; the sidecar serves meanwhile. */
const FIRST_LOOK = 2_000;
const STANDARD_ERROR = 2;
/** How long after its start the main thread gives back what starting took, in milliseconds. */
const QUIET_BEFORE_RELEASE = 1_000;

/**
 * The `run` command: starts the sidecar, says where it is, and runs until it is told to stop (SIGTERM, SIGINT, `POST /shutdown`)
 * or the wrapped app ends. An app that is told to stop still has the sidecar while it does. Resolves with the exit code: the app's
 * own, else 0; 1 when the sidecar or the app could not start, 2 for a bad config.
 */
export async function runSidecar(
  request: ConfigRequest,
  command: readonly string[] | null,
  version: string,
  output: Output,
  early: EarlyThread,
): Promise<number> {
  const result = await readConfig(request);
  if (result.kind === 'problems') {
    output.err(problemsText(result.problems, output.color));
    return 2;
  }
  const { config } = result;
  const { format, level } = config.log;
  const log = createLog({
    level,
    format: format === 'auto' ? (process.stderr.isTTY ? 'text' : 'json') : format,
    destination: STANDARD_ERROR,
  });

  // A wrapped app's standard output belongs to the app.
  const print = command === null ? output.out : output.err;
  let app: WrappedApp | null = null;
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
  let signaled: NodeJS.Signals | null = null;
  const toldToStop = (by: string): void => {
    if (!stopping.signal.aborted)
      log.info('Told to stop: requests in flight may finish.', { by, grace_ms: config.drainGraceMs });
    stopping.abort();
  };
  let sidecar: Sidecar;
  try {
    sidecar = await startSidecar({
      config,
      log,
      clock: systemClock,
      version,
      early,
      shutdown: () => toldToStop('POST /shutdown'),
      reread: () => readConfig(request),
    });
  } catch (error) {
    const hint = error instanceof OutriggerError ? error.hint : null;
    output.err(`cannot start: ${describeError(error)}\n${hint === null ? '' : `  hint: ${hint}\n`}`);
    return 1;
  }
  onSignals((signal) => {
    if (signaled !== null) {
      log.warn('Told twice to stop: ending at once.', { signal });
      app?.kill();
      process.exit(1);
    }
    signaled = signal;
    toldToStop(signal);
  });
  process.on('SIGHUP', () => void sidecar.reload('SIGHUP'));
  // Whoever reads it may send a signal at once.
  print(addressText(sidecar, version));

  if (command !== null && !stopping.signal.aborted) {
    const { startWrappedApp } = await import('./wrapped_app.ts');
    // Told to stop meanwhile: an app that is started now would not have heard of it.
    if (!stopping.signal.aborted) {
      app = startWrappedApp(command, { clock: systemClock, log, error: output.err });
      void app.ended.then(() => stopping.abort());
    }
  }
  await Promise.race([sidecar.settled(FIRST_LOOK), stopped]);
  if (!stopping.signal.aborted) {
    print(servicesText(config, sidecar));
    // Not beside the first questions to it.
    setTimeout(releaseMemory, QUIET_BEFORE_RELEASE).unref();
  }
  await stopped;
  // Nobody should find an app that is about to stop.
  await sidecar.deregister();
  const code = app === null ? 0 : await app.stop(signaled ?? 'SIGTERM', config.drainGraceMs);
  await sidecar.stop();
  log.info('Stopped.');
  return code;
}

function addressText(sidecar: Sidecar, version: string): string {
  const lines = sidecar.listen.map((address) => `  listening on ${address}`);
  for (const address of sidecar.secureListen) lines.push(`  listening on ${address} (TLS)`);
  if (sidecar.inbound !== null) lines.push(`  inbound on ${sidecar.inbound} (TLS), for the app`);
  lines.push(`  admin on ${url(sidecar.admin, '/')}`);
  if (sidecar.adminGrpc !== null) lines.push(`  admin gRPC on ${sidecar.adminGrpc}`);
  lines.push(`  telemetry on ${url(sidecar.telemetry, '/metrics')}`);
  return `Outrigger ${version}\n${lines.join('\n')}\n`;
}

/** Where a browser on this machine finds it: the address for all interfaces is none to connect to everywhere. */
function url(address: string, path: string): string {
  if (address.startsWith('unix:')) return `${address} (${path})`;
  const here = connectable(address);
  return `http://${here}${path}${here === address ? '' : ' (all interfaces)'}`;
}

function connectable(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');
}

/** What was found, and a line to copy that makes a call. */
function servicesText(config: Config, sidecar: Sidecar): string {
  const lines: string[] = [];
  for (const [name, registry] of config.registries)
    lines.push(`  registry ${name}: ${registryText(registry)}${contactText(sidecar.contact(name))}`);
  const services = sidecar.services();
  for (const { name, known, instances } of services) {
    const counts = new Map<string, number>();
    for (const { version } of instances.values())
      counts.set(version ?? 'no version', (counts.get(version ?? 'no version') ?? 0) + 1);
    const versions = [...counts].map(([version, count]) => `${version}: ${count}`).join(', ');
    const found = instances.size === 1 ? '1 instance' : `${instances.size} instances`;
    lines.push(
      `  service ${name}: ${known ? found : 'no answer from its registry yet'}${versions === '' ? '' : ` (${versions})`}`,
    );
  }
  if (config.discover !== null)
    lines.push(
      `  ${services.length === 0 ? 'any service' : 'any other service'}: looked up at ${config.discover.path} when it is first called`,
    );
  const address = sidecar.listen.find((listen) => !listen.startsWith('unix:')) ?? sidecar.listen[0];
  if (address !== undefined) {
    const name = services[0]?.name ?? 'SERVICE';
    const path = address.startsWith('unix:') ? address.slice('unix:'.length) : null;
    const socket = path === null ? '' : ` --unix-socket ${shellWord(path)}`;
    const host = path === null ? connectable(address) : 'localhost';
    lines.push('  try a call (a gRPC health check):');
    lines.push(
      `    printf '\\0\\0\\0\\0\\0' | curl -sS${socket} --http2-prior-knowledge --data-binary @- -o /dev/null -D - -H 'content-type: application/grpc' -H 'te: trailers' -H 'x-outrigger-debug: 1' -H 'x-outrigger-service: ${name}' http://${host}/grpc.health.v1.Health/Check`,
    );
    lines.push('  (status 12 is fine too: the instance answered, it has no health service)');
  }
  return `${lines.join('\n')}\n`;
}

function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The error's cause alone: where and what the line says already, and the log has the whole. */
function contactText(contact: ReturnType<Sidecar['contact']>): string {
  if (contact === null) return '';
  if (contact === 'answered') return ' (reachable)';
  return ` (not reachable: ${describeError(contact.cause ?? contact)})`;
}

function registryText(registry: RegistryOptions): string {
  switch (registry.type) {
    case 'consul':
      return `consul at ${registry.address}`;
    case 'etcd':
      return `etcd at ${registry.endpoints.map(withoutUser).join(', ')}`;
    case 'file':
      return `file ${registry.path}`;
    case 'dns':
      return `dns at ${registry.servers?.join(', ') ?? 'the servers of the system'}`;
    case 'kubernetes':
      return `kubernetes at ${registry.address ?? 'the API server of this cluster'}`;
    case 'zookeeper':
      return `zookeeper at ${registry.servers.join(', ')}${registry.chroot ?? ''}`;
    case 'eureka':
      return `eureka at ${registry.urls.join(', ')}`;
    case 'static':
      return 'static, in the config';
  }
}

function withoutUser(endpoint: string): string {
  return endpoint.replace(/\/\/[^@/]*@/, '//');
}

function onSignals(handle: (signal: NodeJS.Signals) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => handle(signal));
}
