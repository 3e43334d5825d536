import { systemClock } from '../base/clock.ts';
import { type ConfigRequest, readConfig } from '../config/read.ts';
import type { RegisterOptions } from '../config/register_options.ts';
import { startRegistrations } from '../control/registration/registrations.ts';
import { createLog } from '../observe/log.ts';
import { type Output, problemsText } from './check_print.ts';
import { startWrappedApp, type WrappedApp } from './wrapped_app.ts';

const STANDARD_ERROR = 2;
/** Timers of the control plane do not keep a process alive; this one does, for as long as there is. In milliseconds. */
const FOR_EVER = 2 ** 31 - 1;

/**
 * The `register` command: keeps what `register:` lists registered, without a sidecar, until it is told to stop or the wrapped app
 * ends. The app is taken out of the registry before it is told to stop. Resolves with the exit code: the app's own, else 0; 1 when
 * nothing can be registered, 2 for a bad config.
 */
export async function runRegister(
  request: ConfigRequest,
  command: readonly string[] | null,
  output: Output,
): Promise<number> {
  const result = await readConfig(request);
  if (result.kind === 'problems') {
    output.err(problemsText(result.problems, output.color));
    return 2;
  }
  const { config } = result;
  if (config.register.length === 0) {
    output.err(
      `${config.file ?? 'flags'}: there is nothing to register\n  hint: list it under "register", or give --service with --etcd or --consul\n`,
    );
    return 2;
  }
  const { format, level } = config.log;
  const log = createLog({
    level,
    format: format === 'auto' ? (process.stderr.isTTY ? 'text' : 'json') : format,
    destination: STANDARD_ERROR,
  });
  const print = command === null ? output.out : output.err;
  print(
    `Outrigger registers\n${config.register.map((entry) => entryText(entry, config.registries.get(entry.registry)?.type)).join('')}`,
  );

  let signaled: NodeJS.Signals | null = null;
  let app: WrappedApp | null = null;
  let refused = 0;
  const alive = setInterval(() => {}, FOR_EVER);
  const code = await new Promise<number>((resolve) => {
    const registrations = startRegistrations(config.register, {
      clock: systemClock,
      log,
      registries: config.registries,
      refused() {
        refused++;
        if (refused === config.register.length) void end(1);
      },
    });
    const end = async (without: number): Promise<void> => {
      await registrations.stop();
      resolve(app === null ? without : await app.stop(signaled ?? 'SIGTERM', config.drainGraceMs));
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (signaled !== null) {
          log.warn('Told twice to stop: ending at once.', { signal });
          app?.kill();
          process.exit(1);
        }
        signaled = signal;
        log.info('Told to stop: the app is taken out of the registry first.', { by: signal });
        void end(0);
      });
    }
    if (command === null) return;
    app = startWrappedApp(command, { clock: systemClock, log, error: output.err });
    void app.ended.then(() => end(0));
  });
  clearInterval(alive);
  log.info('Stopped.');
  return code;
}

/** In Consul a record has the form that Consul gives it, unless it is to be found by kratos. */
function entryText(
  { service, registry, address, path, format, health }: RegisterOptions,
  type: string | undefined,
): string {
  const where = address.kind === 'given' ? address.address : `port ${address.port} of this machine`;
  const condition = health === null ? 'whatever its state is' : `while its ${health.check.kind} check passes`;
  const as = type === 'consul' && format !== 'kratos' ? '' : ` as ${format}`;
  return `  ${service}: ${where}, in ${registry} at ${path}${as}, ${condition}\n`;
}
