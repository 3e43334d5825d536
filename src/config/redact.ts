import type { Config } from './config.ts';
import { accessLogText, tracingText } from './redact_observe.ts';
import { registerText } from './redact_register.ts';
import { registryText } from './redact_registries.ts';
import { discoverText, serviceText } from './redact_services.ts';
import { inboundText, listenText } from './redact_tls.ts';
import { formatDuration } from './scalars.ts';

/**
 * The config as it is in force, under the names of the config file and with every default, ready for JSON; loaded again it is the
 * same config, but for its secrets. Those are replaced: only what is listed here is shown, so a new secret cannot slip through.
 */
export function redact(config: Config): Readonly<Record<string, unknown>> {
  return {
    file: config.file,
    listen: listenText(config),
    inbound: inboundText(config),
    admin: config.admin,
    telemetry: config.telemetry,
    workers: config.workers,
    reuse_port: config.reusePort,
    admin_grpc: config.adminGrpc,
    log: config.log,
    access_log: accessLogText(config.accessLog),
    tracing: tracingText(config.tracing),
    clients: clientsText(config.clients),
    drain_grace: formatDuration(config.drainGraceMs),
    app: config.app,
    needs: needsText(config),
    registries: mapValues(config.registries, registryText),
    services: mapValues(config.services, (service, name) => serviceText(service, name, config)),
    discover: discoverText(config),
    default_service: config.routing.defaultService,
    routes: config.routing.routes,
    register: config.register.map(registerText),
    state_dir: config.stateDir,
  };
}

function mapValues<T>(
  map: ReadonlyMap<string, T>,
  text: (value: T, name: string) => unknown,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...map].map(([name, value]) => [name, text(value, name)]));
}

function clientsText({ connections, headerTimeout, idleTimeout, stallTimeout }: Config['clients']): object {
  return {
    connections,
    header_timeout: formatDuration(headerTimeout),
    idle_timeout: idleTimeout === null ? null : formatDuration(idleTimeout),
    stall_timeout: stallTimeout === null ? null : formatDuration(stallTimeout),
  };
}

/** Of `needs` the part that is in force: that of the app's own version. */
function needsText({ app, needs }: Config): object {
  return app.version === null || needs.size === 0 ? {} : { [app.version]: Object.fromEntries(needs) };
}
