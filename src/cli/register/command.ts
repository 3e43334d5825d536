import type { ConfigRequest } from '../../config/read.ts';

/** What `outrigger register` was asked. */
export interface RegisterCommand {
  readonly kind: 'register';
  readonly config: ConfigRequest;
  /** The app to start and end with; null when there is none. */
  readonly command: readonly string[] | null;
}

/** Wrong usage, as `args.ts` has it. */
interface Usage {
  readonly kind: 'usage';
  readonly message: string;
  readonly hint: string;
}

/** Flags that describe the app, besides `--service`. */
const APP_FLAGS = ['address', 'port', 'app-version', 'id', 'ttl', 'health'] as const;

/** Takes apart what follows `outrigger register`: with `--service` flags describe the app, without it the config does. */
export function registerCommand(
  values: ReadonlyMap<string, readonly string[]>,
  config: ConfigRequest,
  command: readonly string[] | null,
): RegisterCommand | Usage {
  const text = (flag: string): string | undefined => values.get(flag)?.[0];
  const service = text('service');
  if (service === undefined) {
    const stray = APP_FLAGS.find((flag) => values.has(flag));
    if (stray === undefined) return { kind: 'register', config, command };
    return {
      kind: 'usage',
      message: `--${stray} needs --service`,
      hint: 'say what is to be registered: --service app',
    };
  }
  const given = {
    address: text('address'),
    port: text('port'),
    appVersion: text('app-version'),
    id: text('id'),
    ttl: text('ttl'),
    health: text('health'),
  };
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const flags = { ...config.flags, register: { service, ...known } };
  return { kind: 'register', config: { ...config, flags }, command };
}
